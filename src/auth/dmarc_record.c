/* RFC 9989 §4.7, §4.8. */
#include "auth/dmarc.h"

static enum dmarc_policy policy_of(struct span value) {
    return span_ieq(value, SPAN("reject"))       ? DMARC_POLICY_REJECT
           : span_ieq(value, SPAN("quarantine")) ? DMARC_POLICY_QUARANTINE
           : span_ieq(value, SPAN("none"))       ? DMARC_POLICY_NONE
                                                 : DMARC_NO_POLICY;
}

/* scheme ":" something (RFC 3986 §3); of a mailto, an address. */
static bool uri_ok(struct span uri) {
    size_t colon = span_find(uri, ':');
    struct span rest = span_from(uri, colon + 1);
    if (colon == 0 || rest.n == 0 || (uri.p[0] | 0x20) < 'a' || (uri.p[0] | 0x20) > 'z')
        return false;
    for (size_t i = 0; i < uri.n; i++)
        if (uri.p[i] <= 0x20 || uri.p[i] > 0x7e)
            return false;
    return !span_ieq(span_sub(uri, 0, colon), SPAN("mailto")) || span_find(rest, '@') < rest.n;
}

static bool has_uri(struct span list) {
    struct span uri;
    for (struct span_split s = span_split_start(list); span_split_next(&s, ',', &uri);)
        if (uri_ok(span_trim(uri)))
            return true;
    return false;
}

struct reading {
    struct dmarc_record record;
    bool policies_ok;
    bool has_rua;
};

static void take_policy(struct reading *r, enum dmarc_policy *to, struct span value) {
    *to = policy_of(value);
    r->policies_ok = r->policies_ok && *to != DMARC_NO_POLICY;
}

/* §4.8: unknown tags are ignored, wrong values fall back to the default. */
static void take_tag(struct reading *r, struct span name, struct span value) {
    if (span_ieq(name, SPAN("p")))
        take_policy(r, &r->record.p, value);
    else if (span_ieq(name, SPAN("sp")))
        take_policy(r, &r->record.sp, value);
    else if (span_ieq(name, SPAN("np")))
        take_policy(r, &r->record.np, value);
    else if (span_ieq(name, SPAN("psd")))
        r->record.psd = span_ieq(value, SPAN("y"))   ? DMARC_PSD_YES
                        : span_ieq(value, SPAN("n")) ? DMARC_PSD_NO
                                                     : DMARC_PSD_UNKNOWN;
    else if (span_ieq(name, SPAN("adkim")))
        r->record.strict_dkim = span_ieq(value, SPAN("s"));
    else if (span_ieq(name, SPAN("aspf")))
        r->record.strict_spf = span_ieq(value, SPAN("s"));
    else if (span_ieq(name, SPAN("t")))
        r->record.testing = span_ieq(value, SPAN("y"));
    else if (span_ieq(name, SPAN("rua")))
        r->has_rua = has_uri(value);
}

static bool seen_before(struct span text, struct span part, struct span name) {
    struct span earlier;
    for (struct span_split s = span_split_start(text); span_split_next(&s, ';', &earlier) && earlier.p != part.p;)
        if (span_ieq(span_trim(span_sub(earlier, 0, span_find(earlier, '='))), name))
            return true;
    return false;
}

enum sd_err dmarc_record_parse(struct span text, struct dmarc_record *ret) {
    struct reading r = {.policies_ok = true};
    struct span part;
    struct span_split split = span_split_start(text);
    size_t count = 0;
    for (bool first = true; span_split_next(&split, ';', &part); first = false) {
        if (++count > DMARC_MAX_TAGS)
            return SD_ERR_PARSE;
        size_t equals = span_find(part, '=');
        struct span name = span_trim(span_sub(part, 0, equals));
        struct span value = span_trim(span_from(part, equals + 1));
        if (first && !(span_ieq(name, SPAN("v")) && span_eq(value, SPAN("DMARC1"))))
            return SD_ERR_PARSE;
        if (equals < part.n && part.n && !seen_before(text, part, name))
            take_tag(&r, name, value); /* of a repeated tag the first counts */
    }
    if (text.n == 0)
        return SD_ERR_PARSE;
    r.policies_ok = r.policies_ok && r.record.p != DMARC_NO_POLICY;
    if (!r.policies_ok) { /* §4.10.1: as if p=none, if reports are asked for */
        r.record.p = DMARC_POLICY_NONE;
        r.record.sp = r.record.np = DMARC_NO_POLICY;
    }
    r.record.usable = r.policies_ok || r.has_rua;
    *ret = r.record;
    return SD_OK;
}
