#include "edge/address.h"
#include "core/limits.h"
#include "core/network.h"

#include <arpa/inet.h>
#include <string.h>

#define LOCAL_MAX 64 /* RFC 5321 §4.5.3.1.1 */

static bool is_alnum(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 5321 atext, and the bytes that SMTPUTF8 would add: those are refused later, with their own code. */
static bool is_atext(uint8_t c) {
    return is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Labels of letters, digits, "-" and "_", none empty or over 63 bytes, none starting or ending with "-". */
static bool labels_ok(struct span s, bool international) {
    size_t label = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool ends = i + 1 == s.n || s.p[i + 1] == '.';
        if (c == '.') {
            label = 0;
            if (ends)
                return false;
            continue;
        }
        if (!is_alnum(c) && c != '_' && !(international && c >= 0x80) && !(c == '-' && label > 0 && !ends))
            return false;
        if (++label > 63)
            return false;
    }
    return s.n > 0 && s.n <= LIMIT_DOMAIN_BYTES && s.p[0] != '.';
}

bool is_domain_name(struct span s) {
    return labels_ok(s, false);
}

bool is_address_literal(struct span s) {
    char text[INET6_ADDRSTRLEN] = {0};
    uint8_t ip[16];
    if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    struct span inner = span_sub(s, 1, s.n - 2);
    bool is_v6 = span_istarts(inner, SPAN("IPv6:"));
    inner = span_from(inner, is_v6 ? 5 : 0);
    if (inner.n == 0 || inner.n >= sizeof text)
        return false;
    memcpy(text, inner.p, inner.n);
    return strlen(text) == inner.n && inet_pton(is_v6 ? AF_INET6 : AF_INET, text, ip) == 1;
}

/* How many bytes of s are a local part: Dot-string or Quoted-string. 0: none. */
static size_t local_length(struct span s) {
    size_t i = 0;
    if (s.n && s.p[0] == '"') {
        for (i = 1; i < s.n && s.p[i] != '"'; i++) {
            i += s.p[i] == '\\';
            if (i >= s.n || s.p[i] < 0x20 || s.p[i] == 0x7f)
                return 0;
        }
        return i < s.n ? i + 1 : 0;
    }
    while (i < s.n && (is_atext(s.p[i]) || (s.p[i] == '.' && i > 0 && s.p[i - 1] != '.')))
        i++;
    return i && s.p[i - 1] == '.' ? 0 : i;
}

static bool has_high_byte(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return true;
    return false;
}

/* "@a,@b:" in front of the mailbox. */
static struct span without_route(struct span s) {
    size_t colon = s.n && s.p[0] == '@' ? span_find(s, ':') : s.n;
    return colon < s.n ? span_from(s, colon + 1) : s;
}

static enum sd_err split_mailbox(struct span s, struct mail_path *ret) {
    size_t n = local_length(s);
    struct mail_path path = {.text = s, .local = span_sub(s, 0, n), .is_international = has_high_byte(s)};
    if (n == 0)
        return SD_ERR_PARSE;
    if (n == s.n && span_ieq(s, SPAN("postmaster"))) { /* RFC 5321 §4.1.1.3: the one name without a domain */
        *ret = path;
        return SD_OK;
    }
    if (n == s.n || s.p[n] != '@')
        return SD_ERR_PARSE;
    path.domain = span_from(s, n + 1);
    if (n > LOCAL_MAX || path.domain.n > LIMIT_DOMAIN_BYTES)
        return SD_ERR_LIMIT;
    if (!labels_ok(path.domain, true) && !is_address_literal(path.domain))
        return SD_ERR_PARSE;
    *ret = path;
    return SD_OK;
}

/* Index of the ">" that ends the path: one inside a quoted local part does not. */
static size_t closing_bracket(struct span s) {
    bool quoted = false;
    for (size_t i = 1; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == '>' && !quoted)
            return i;
    }
    return s.n;
}

enum sd_err mail_path_parse(struct span *rest, struct mail_path *ret) {
    struct span s = *rest;
    size_t close = s.n && s.p[0] == '<' ? closing_bracket(s) : s.n;
    if (close == s.n || (close + 1 < s.n && s.p[close + 1] != ' '))
        return SD_ERR_PARSE;
    struct span inner = without_route(span_sub(s, 1, close - 1));
    struct mail_path path = {0};
    enum sd_err err = close == 1 ? SD_OK : split_mailbox(inner, &path);
    if (err)
        return err;
    *rest = span_from(s, close + 1);
    *ret = path;
    return SD_OK;
}

void put_address_literal(struct buf *b, const uint8_t ip[16]) {
    char text[IP_TEXT_BYTES];
    buf_printf(b, ip_is_v4(ip) ? "[%s]" : "[IPv6:%s]", ip_text(ip, text));
}
