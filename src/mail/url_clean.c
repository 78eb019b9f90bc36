#include "mail/url_clean.h"

#include <string.h>

#include "mail/lex.h"

static bool is_slash(uint8_t c) {
    return c == '/' || c == '\\';
}

static bool is_plain(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&()*+,;=:@/?#%[]|", c));
}

/* Anything that HTML, CSS or a careless reader could take for more than a character of an address is percent-encoded. */
static void put_encoded(struct span s, struct buf *to) {
    static const char digits[] = "0123456789ABCDEF";
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_plain(s.p[i]))
            continue;
        buf_put(to, span_sub(s, start, i - start));
        const char escape[3] = {'%', digits[s.p[i] >> 4], digits[s.p[i] & 15]};
        buf_put(to, span_of(escape, sizeof escape));
        start = i + 1;
    }
    buf_put(to, span_from(s, start));
}

/* §4.4 steps 1 to 3: control characters and spaces at the ends, tabs and line ends anywhere, are not there. */
static struct span without_controls(struct span s, struct buf *scratch) {
    while (s.n && s.p[0] <= ' ')
        s = span_from(s, 1);
    while (s.n && s.p[s.n - 1] <= ' ')
        s.n--;
    if (span_find(s, '\t') == s.n && span_find(s, '\n') == s.n && span_find(s, '\r') == s.n)
        return s;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
            buf_byte(scratch, s.p[i]);
    return buf_span(scratch);
}

/* Path, query and fragment; a backslash before the query is a slash to browsers. */
static void put_path(struct span rest, struct buf *to) {
    size_t query = 0;
    while (query < rest.n && rest.p[query] != '?' && rest.p[query] != '#')
        query++;
    struct span path = span_sub(rest, 0, query);
    if (path.n == 0)
        buf_byte(to, '/');
    while (path.n) {
        size_t n = span_find(path, '\\');
        put_encoded(span_sub(path, 0, n), to);
        if (n < path.n)
            buf_byte(to, '/');
        path = span_from(path, n + 1);
    }
    put_encoded(span_from(rest, query), to);
}

/* ":8080"; the scheme's own port is left out. False when it is none. */
static bool put_port(struct span port, bool secure, struct buf *to) {
    uint64_t number = 0;
    if (port.n == 0)
        return true;
    if (span_to_u64(port, &number) != SD_OK || number > UINT16_MAX)
        return false;
    if (number != (secure ? 443 : 80))
        buf_printf(to, ":%u", (unsigned)number);
    return true;
}

/* Where the host ends and a port begins; not within the brackets of an IPv6 address. */
static size_t port_at(struct span host) {
    size_t colon = span_rfind(host, ':'), bracket = span_rfind(host, ']');
    return colon < host.n && (bracket == host.n || colon > bracket) ? colon : host.n;
}

static bool read_web(struct span rest, bool secure, struct buf *url, struct buf *shown) {
    while (rest.n && is_slash(rest.p[0])) /* none, or any number of either kind */
        rest = span_from(rest, 1);
    size_t n = 0;
    while (n < rest.n && !is_slash(rest.p[n]) && rest.p[n] != '?' && rest.p[n] != '#')
        n++;
    struct span authority = span_sub(rest, 0, n);
    size_t at = span_rfind(authority, '@');
    struct span host = at < authority.n ? span_from(authority, at + 1) : authority;
    size_t colon = port_at(host);
    if (!url_host(span_sub(host, 0, colon), shown))
        return false;
    buf_text(url, secure ? "https://" : "http://");
    buf_put(url, buf_span(shown));
    if (!put_port(span_from(host, colon + 1), secure, url))
        return false;
    put_path(span_from(rest, n), url);
    return true;
}

static bool read_mail(struct span rest, struct buf *url, struct buf *shown) {
    struct span address = span_sub(rest, 0, span_find(rest, '?'));
    size_t at = span_rfind(address, '@');
    if (at == 0 || at + 1 >= address.n)
        return false;
    put_encoded(address, shown);
    buf_text(url, "mailto:");
    put_encoded(rest, url);
    return true;
}

static bool read_phone(struct span rest, struct buf *url, struct buf *shown) {
    for (size_t i = 0; i < rest.n; i++) {
        bool digit = rest.p[i] >= '0' && rest.p[i] <= '9';
        if (digit || (rest.p[i] && strchr("+*#", rest.p[i])))
            buf_byte(shown, rest.p[i]);
        else if (!strchr("-. ()/", rest.p[i]))
            return false;
    }
    buf_text(url, "tel:");
    buf_put(url, buf_span(shown));
    return shown->n > 0;
}

static enum url_kind read_target(struct span target, struct buf *url, struct buf *shown) {
    size_t colon = span_find(target, ':');
    struct span scheme = span_sub(target, 0, colon), rest = span_from(target, colon + 1);
    bool secure = span_ieq(scheme, SPAN("https"));
    if (colon == target.n)
        return URL_REFUSED;
    if (secure || span_ieq(scheme, SPAN("http")))
        return read_web(rest, secure, url, shown) ? URL_WEB : URL_REFUSED;
    if (span_ieq(scheme, SPAN("mailto")))
        return read_mail(rest, url, shown) ? URL_MAIL : URL_REFUSED;
    if (span_ieq(scheme, SPAN("tel")))
        return read_phone(rest, url, shown) ? URL_PHONE : URL_REFUSED;
    return URL_REFUSED;
}

enum url_kind url_clean(struct span target, struct buf *url, struct buf *shown) {
    struct buf scratch SD_CLEANUP(buf_free) = buf_new(URL_CLEAN_MAX_BYTES);
    struct buf clean SD_CLEANUP(buf_free) = buf_new(URL_CLEAN_MAX_BYTES);
    struct buf name SD_CLEANUP(buf_free) = buf_new(URL_CLEAN_MAX_BYTES);
    struct span read = without_controls(target, &scratch);
    if (buf_err(&scratch))
        return URL_REFUSED;
    enum url_kind kind = read_target(read, &clean, &name);
    if (kind == URL_REFUSED || buf_err(&clean) || buf_err(&name))
        return URL_REFUSED;
    buf_put(url, buf_span(&clean));
    buf_put(shown, buf_span(&name));
    return kind;
}
