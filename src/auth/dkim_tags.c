#include "auth/dkim.h"
#include "core/codec.h"

static bool name_byte(uint8_t c, bool first) {
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alpha || (!first && ((c >= '0' && c <= '9') || c == '_'));
}

static bool name_ok(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (!name_byte(name.p[i], i == 0))
            return false;
    return name.n > 0;
}

/* VALCHAR and FWS; bytes above ASCII may be RFC 8616's UTF-8. */
static bool value_ok(struct span value) {
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
            return false;
    }
    return true;
}

static enum sd_err parse_tag(struct span part, struct dkim_tags *tags) {
    size_t equals = span_find(part, '=');
    struct dkim_tag tag = {span_trim(span_sub(part, 0, equals)), SPAN_NONE, span_from(part, equals + 1)};
    tag.value = span_trim(tag.extent);
    if (equals == part.n || !name_ok(tag.name) || !value_ok(tag.value) || tags->count == DKIM_MAX_TAGS)
        return SD_ERR_PARSE;
    for (size_t i = 0; i < tags->count; i++)
        if (span_eq(tags->items[i].name, tag.name))
            return SD_ERR_PARSE;
    tags->items[tags->count++] = tag;
    return SD_OK;
}

enum sd_err dkim_tags_parse(struct span text, struct dkim_tags *ret) {
    struct span part;
    ret->count = 0;
    struct span_split split = span_split_start(text);
    while (span_split_next(&split, ';', &part)) {
        if (!split.more && span_trim(part).n == 0)
            break; /* a final ";" */
        enum sd_err err = parse_tag(part, ret);
        if (err)
            return err;
    }
    return ret->count ? SD_OK : SD_ERR_PARSE;
}

const struct dkim_tag *dkim_tag(const struct dkim_tags *tags, const char *name) {
    for (size_t i = 0; i < tags->count; i++)
        if (span_eq(tags->items[i].name, span_cstr(name))) /* §3.2: tags are case-sensitive */
            return &tags->items[i];
    return NULL;
}

struct span dkim_tag_value(const struct dkim_tags *tags, const char *name) {
    const struct dkim_tag *tag = dkim_tag(tags, name);
    return tag ? tag->value : SPAN_NONE;
}

enum sd_err dkim_base64(struct span value, struct buf *to) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(value.n + 1);
    uint8_t *p = buf_reserve(&plain, value.n);
    size_t n = 0;
    for (size_t i = 0; p && i < value.n; i++)
        if (value.p[i] != ' ' && value.p[i] != '\t' && value.p[i] != '\r' && value.p[i] != '\n')
            p[n++] = value.p[i];
    if (p)
        buf_grew(&plain, n);
    enum sd_err err = buf_err(&plain);
    return err ? err : base64_decode(buf_span(&plain), to);
}

bool dkim_list_has(struct span list, struct span word) {
    struct span part;
    for (struct span_split s = span_split_start(list); span_split_next(&s, ':', &part);)
        if (span_ieq(span_trim(part), word))
            return true;
    return false;
}

static enum dkim_algorithm algorithm_of(struct span text) {
    static const struct {
        const char *text;
        enum dkim_algorithm algorithm;
    } known[] = {{"rsa-sha256", DKIM_RSA_SHA256}, {"ed25519-sha256", DKIM_ED25519_SHA256}, {"rsa-sha1", DKIM_RSA_SHA1}};
    for (size_t i = 0; i < SD_COUNT(known); i++)
        if (span_ieq(text, span_cstr(known[i].text)))
            return known[i].algorithm;
    return DKIM_UNKNOWN;
}

static bool take_mode(struct span text, bool *ret_relaxed) {
    *ret_relaxed = span_ieq(text, SPAN("relaxed"));
    return *ret_relaxed || span_ieq(text, SPAN("simple"));
}

/* c= header "/" body; the body's is simple when it is left out, both when c= is (§3.5). */
static bool take_canonicalization(const struct dkim_tag *tag, struct dkim_signature *s) {
    if (!tag)
        return true;
    size_t slash = span_find(tag->value, '/');
    if (!take_mode(span_trim(span_sub(tag->value, 0, slash)), &s->header_relaxed))
        return false;
    return slash == tag->value.n || take_mode(span_trim(span_from(tag->value, slash + 1)), &s->body_relaxed);
}

static bool take_number(const struct dkim_tags *tags, const char *name, bool *ret_has, uint64_t *ret) {
    const struct dkim_tag *tag = dkim_tag(tags, name);
    *ret_has = tag != NULL;
    return !tag || span_to_u64(tag->value, ret) == SD_OK;
}

const char *dkim_take_signer(const struct dkim_tags *tags, struct dkim_signature *s) {
    s->algorithm = algorithm_of(dkim_tag_value(tags, "a"));
    s->domain = dkim_tag_value(tags, "d");
    s->selector = dkim_tag_value(tags, "s");
    if (dkim_tag(tags, "b"))
        s->signature = *dkim_tag(tags, "b");
    if (dkim_tag_value(tags, "a").n == 0 || s->domain.n == 0 || s->selector.n == 0 || s->signature.value.n == 0)
        return "a required tag is missing";
    return take_number(tags, "t", &s->has_time, &s->time_s) ? NULL : "t= is not a number";
}

const char *dkim_take_coverage(const struct dkim_tags *tags, struct dkim_signature *s) {
    const struct dkim_tag *query = dkim_tag(tags, "q");
    s->names = dkim_tag_value(tags, "h");
    s->body_hash = dkim_tag_value(tags, "bh");
    if (!dkim_tag(tags, "h") || s->body_hash.n == 0)
        return "a required tag is missing";
    if (!take_canonicalization(dkim_tag(tags, "c"), s))
        return "c= names an unknown canonicalisation";
    if (!take_number(tags, "l", &s->has_length, &s->length))
        return "l= is not a number";
    if (!take_number(tags, "x", &s->has_expiry, &s->expiry_s))
        return "x= is not a number";
    if (query && !dkim_list_has(query->value, SPAN("dns/txt")))
        return "q= names no known way to get the key";
    return NULL;
}

const char *dkim_signature_parse(struct span body, struct dkim_signature *ret) {
    struct dkim_tags tags;
    *ret = (struct dkim_signature){0};
    if (dkim_tags_parse(body, &tags))
        return "the tag list has a syntax error";
    struct span identity = dkim_tag_value(&tags, "i");
    size_t at = span_rfind(identity, '@');
    const char *why = dkim_take_signer(&tags, ret);
    why = why ? why : dkim_take_coverage(&tags, ret);
    ret->identity_domain = at < identity.n ? span_from(identity, at + 1) : identity;
    if (!span_eq(dkim_tag_value(&tags, "v"), SPAN("1")))
        return "v= is not 1";
    if (!why && ret->names.n == 0)
        return "a required tag is missing";
    if (!why && dkim_tag(&tags, "i") && ret->identity_domain.n == 0)
        return "i= has no domain";
    return why;
}

/* §3.6.1: v= comes first if it is there; unknown tags and flags are ignored; k= is rsa when it is absent. */
enum sd_err dkim_key_parse(struct span record, struct dkim_key *ret) {
    struct dkim_tags tags;
    enum sd_err err = dkim_tags_parse(record, &tags);
    const struct dkim_tag *version = err ? NULL : dkim_tag(&tags, "v");
    if (err || !dkim_tag(&tags, "p"))
        return SD_ERR_PARSE;
    if (version && (version != tags.items || !span_eq(version->value, SPAN("DKIM1"))))
        return SD_ERR_PARSE;
    struct span type = dkim_tag_value(&tags, "k");
    bool is_ed25519 = span_ieq(type, SPAN("ed25519"));
    if (type.n && !is_ed25519 && !span_ieq(type, SPAN("rsa")))
        return SD_ERR_UNSUPPORTED;
    *ret = (struct dkim_key){
        .is_ed25519 = is_ed25519,
        .strict = dkim_list_has(dkim_tag_value(&tags, "t"), SPAN("s")),
        .public_key = dkim_tag_value(&tags, "p"),
        .hashes = dkim_tag_value(&tags, "h"),
        .services = dkim_tag_value(&tags, "s"),
    };
    return SD_OK;
}
