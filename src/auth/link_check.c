#include "auth/link_check.h"
#include "auth/fold.h"
#include "auth/idn.h"
#include "auth/name.h"

/* ---- where it leads: the URL standard's basic parser (§4.4) as far as the host ---- */

static bool is_slash(uint8_t c) {
    return c == '/' || c == '\\';
}

static int hex(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct span percent_decoded(struct span s, struct arena *arena) {
    uint8_t *to = span_find(s, '%') < s.n ? arena_alloc(arena, s.n) : NULL;
    size_t n = 0;
    if (!to)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
        to[n++] = escape ? (uint8_t)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2])) : s.p[i];
        i += escape ? 2 : 0;
    }
    return span_of(to, n);
}

/* §4.4 steps 1 to 3: control characters and spaces at the ends, tabs and line ends anywhere, are not there. */
static struct span without_controls(struct span s, struct arena *arena) {
    while (s.n && s.p[0] <= ' ')
        s = span_from(s, 1);
    while (s.n && s.p[s.n - 1] <= ' ')
        s.n--;
    if (span_find(s, '\t') == s.n && span_find(s, '\n') == s.n && span_find(s, '\r') == s.n)
        return s;
    uint8_t *to = arena_alloc(arena, s.n);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++)
        if (s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
            to[n++] = s.p[i];
    return span_of(to, n);
}

/* Behind the slashes; any number of either kind opens an authority. */
static struct span authority_of(struct span rest) {
    size_t n = 0;
    while (rest.n && is_slash(rest.p[0]))
        rest = span_from(rest, 1);
    while (n < rest.n && !is_slash(rest.p[n]) && rest.p[n] != '?' && rest.p[n] != '#')
        n++;
    return span_sub(rest, 0, n);
}

static struct span without_port(struct span host) {
    size_t colon = span_rfind(host, ':');
    return host.n && host.p[host.n - 1] == ']' ? host : span_sub(host, 0, colon);
}

static struct span host_of(struct span authority, struct arena *arena) {
    size_t at = span_rfind(authority, '@');
    return percent_decoded(without_port(at < authority.n ? span_from(authority, at + 1) : authority), arena);
}

/* "https:" and the like, with nothing behind it; empty when there is none. */
static struct span scheme_of(struct span url) {
    size_t colon = span_find(url, ':');
    struct span scheme = span_sub(url, 0, colon);
    for (size_t i = 0; i < scheme.n; i++) {
        uint8_t c = scheme.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return SPAN_NONE;
    }
    return colon < url.n ? scheme : SPAN_NONE;
}

static bool is_web(struct span scheme) {
    return span_ieq(scheme, SPAN("http")) || span_ieq(scheme, SPAN("https")) || span_ieq(scheme, SPAN("ftp"));
}

/* ---- what it shows ---- */

/* Ends of files that are also endings of domains: such a name alone is no domain to its reader. */
static bool is_file_ending(struct span ending) {
    static const char *const endings[] = {"md", "py", "rs", "sh", "zip", "mov", "ps"};
    for (size_t i = 0; i < SD_COUNT(endings); i++)
        if (span_ieq(ending, span_cstr(endings[i])))
            return true;
    return false;
}

/* A-labels of a host that a reader takes for one. */
static bool domain_shown(struct span host, bool alone, struct arena *arena, struct span *ret) {
    struct span ascii;
    if (span_find(host, '.') == host.n || idn_to_ascii(host, arena, &ascii))
        return false;
    struct span ending = name_tail(ascii, 1);
    if (!psl_has_ending(ascii, arena) || (alone && is_file_ending(ending)))
        return false;
    *ret = ascii;
    return true;
}

static bool is_web_token(struct span s) {
    return span_istarts(s, SPAN("http:")) || span_istarts(s, SPAN("https:")) || span_istarts(s, SPAN("www."));
}

/* https://bank.example@evil.example reads as bank.example, wherever it leads. */
static bool url_shown(struct span s, struct arena *arena, struct span *ret) {
    struct span scheme = scheme_of(s);
    struct span authority = authority_of(is_web(scheme) ? span_from(s, scheme.n + 1) : s);
    size_t at = span_find(authority, '@');
    if (at < authority.n && domain_shown(without_port(span_sub(authority, 0, at)), false, arena, ret))
        return true;
    return domain_shown(host_of(authority, arena), false, arena, ret);
}

/* A host name or an address that is all the text there is. */
static bool name_shown(struct span s, struct arena *arena, struct span *ret) {
    size_t at = span_rfind(s, '@');
    if (span_istarts(s, SPAN("mailto:")))
        s = span_from(s, 7);
    if (at < s.n)
        return domain_shown(span_from(s, span_rfind(s, '@') + 1), false, arena, ret);
    return domain_shown(without_port(authority_of(s)), true, arena, ret);
}

/* Without the punctuation that text puts around a name. */
static struct span bare(struct span s) {
    const struct span before = SPAN("<([{\"'"), behind = SPAN(">)]}\"'.,;:!?");
    while (s.n && span_find(before, s.p[0]) < before.n)
        s = span_from(s, 1);
    while (s.n && span_find(behind, s.p[s.n - 1]) < behind.n)
        s.n--;
    return s;
}

/* ---- both ---- */

static bool is_elsewhere(struct span shown, struct span host, struct arena *arena) {
    struct span ascii;
    if (host.n == 0)
        return false;
    return idn_to_ascii(host, arena, &ascii) || !span_ieq(psl_org_domain(shown, arena), psl_org_domain(ascii, arena));
}

/* RFC 6068 §2: addresses between commas. */
static bool mailto_elsewhere(struct span shown, struct span rest, struct arena *arena) {
    struct span to = percent_decoded(span_sub(rest, 0, span_find(rest, '?')), arena), part;
    for (struct span_split s = span_split_start(to); span_split_next(&s, ',', &part);) {
        size_t at = span_rfind(part, '@');
        if (at < part.n && is_elsewhere(shown, span_trim(span_from(part, at + 1)), arena))
            return true;
    }
    return false;
}

static bool leads_elsewhere(struct span shown, struct span target, struct arena *arena) {
    struct span url = without_controls(target, arena);
    struct span scheme = scheme_of(url);
    struct span rest = scheme.n ? span_from(url, scheme.n + 1) : url;
    if (span_ieq(scheme, SPAN("mailto")))
        return mailto_elsewhere(shown, rest, arena);
    bool absolute = is_web(scheme) || (rest.n > 1 && scheme.n == 0 && is_slash(rest.p[0]) && is_slash(rest.p[1]));
    return absolute && is_elsewhere(shown, host_of(authority_of(rest), arena), arena);
}

bool link_misleads(struct span text, struct span target, struct arena *arena) {
    struct span visible = span_trim(fold_visible(text, arena)), token, shown;
    if (span_find(visible, '.') == visible.n)
        return false;
    if (span_find(visible, ' ') == visible.n && !is_web_token(bare(visible)))
        return name_shown(bare(visible), arena, &shown) && leads_elsewhere(shown, target, arena);
    for (struct span_split s = span_split_start(visible); span_split_next(&s, ' ', &token);) {
        token = bare(token);
        if (is_web_token(token) && url_shown(token, arena, &shown) && leads_elsewhere(shown, target, arena))
            return true;
    }
    return false;
}

enum sd_err links_mislead(const struct mail_message *message, struct arena *arena, bool *ret) {
    struct mail_links links;
    bool misleads = false;
    enum sd_err err = mail_links(message, arena, &links);
    for (size_t i = 0; err == SD_OK && i < links.count && !misleads; i++)
        misleads = link_misleads(links.items[i].text, links.items[i].target, arena);
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = misleads;
    return err;
}
