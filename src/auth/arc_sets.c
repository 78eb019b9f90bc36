/* RFC 8617 §4.1, §4.2: the fields of an Authenticated Received Chain and their order. */
#include "auth/arc.h"
#include "auth/authres_lex.h"
#include "auth/idn.h"

enum arc_kind { ARC_NO_FIELD, ARC_RESULTS, ARC_SIGNATURE, ARC_SEAL };

struct collecting {
    struct arc_candidates *to;
    struct arena *arena;
    int64_t now_unix_ms;
    size_t room; /* links: as many sets as the fields can make */
    bool is_broken;
    struct span why; /* the first thing that breaks the chain */
};

static enum arc_kind kind_of(struct span name) {
    static const struct {
        const char *name;
        enum arc_kind kind;
    } kinds[] = {{"ARC-Authentication-Results", ARC_RESULTS}, {"ARC-Message-Signature", ARC_SIGNATURE}, {"ARC-Seal", ARC_SEAL}};
    if (name.n < sizeof "ARC-Seal" - 1 || !span_istarts(name, SPAN("ARC-")))
        return ARC_NO_FIELD;
    for (size_t i = 0; i < SD_COUNT(kinds); i++)
        if (span_ieq(name, span_cstr(kinds[i].name)))
            return kinds[i].kind;
    return ARC_NO_FIELD;
}

static void broken(struct collecting *c, struct span why) {
    if (!c->is_broken)
        c->why = why;
    c->is_broken = true;
}

/* position = 1*2DIGIT, 1 to 50 (§4.2.1); 0: it is none. */
static unsigned position_of(struct span text) {
    uint64_t position = 0;
    if (text.n > 2 || span_to_u64(text, &position) || position > ARC_MAX_INSTANCE)
        return 0;
    return (unsigned)position;
}

static bool take_byte(struct span *rest, uint8_t byte) {
    bool ok = rest->n && rest->p[0] == byte;
    *rest = span_from(*rest, ok ? 1 : 0);
    return ok && authres_skip_cfws(rest);
}

/* arc-info = instance [CFWS] ";" authres-payload (§4.1.1) */
static unsigned results_position(struct span body, struct span *ret_payload) {
    struct span rest = body;
    size_t digits = 0;
    if (!authres_skip_cfws(&rest) || !take_byte(&rest, 'i') || !take_byte(&rest, '='))
        return 0;
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
        digits++;
    unsigned position = position_of(span_sub(rest, 0, digits));
    rest = span_from(rest, digits);
    if (!authres_skip_cfws(&rest) || rest.n == 0 || rest.p[0] != ';')
        return 0;
    *ret_payload = span_from(rest, 1);
    return position;
}

/* The link of a position; NULL when the chain is broken there. */
static struct arc_link *link_at(struct collecting *c, unsigned position) {
    struct arc_verdict *v = &c->to->verdict;
    if (position == 0)
        broken(c, SPAN("an ARC field has no usable i="));
    else if (position > c->room)
        broken(c, SPAN("an ARC set is missing"));
    if (position > v->instance) {
        v->instance = position;
        v->domain = SPAN_NONE; /* of a newer seal, that may follow */
    }
    return position && position <= c->room ? &c->to->links[position - 1] : NULL;
}

static void add_results(struct collecting *c, const struct mail_field *field) {
    struct span payload = SPAN_NONE;
    struct arc_link *link = link_at(c, results_position(field->body, &payload));
    if (!link)
        return;
    if (link->results)
        broken(c, SPAN("an ARC set has a field twice"));
    link->results = field;
    link->results_body = payload;
}

static void add_signature(struct collecting *c, const struct mail_field *field) {
    struct dkim_tags tags;
    bool ok = dkim_tags_parse(field->body, &tags) == SD_OK;
    struct arc_link *link = link_at(c, ok ? position_of(dkim_tag_value(&tags, "i")) : 0);
    if (!link)
        return;
    if (link->signature)
        broken(c, SPAN("an ARC set has a field twice"));
    link->signature = field;
}

/* §4.1.3, and §4.4 for cv=. */
static const char *read_seal(const struct dkim_tags *tags, unsigned position, struct dkim_signature *ret) {
    struct span status = dkim_tag_value(tags, "cv");
    const char *why = dkim_take_signer(tags, ret);
    if (why)
        return why;
    if (dkim_tag(tags, "h"))
        return "h= is not allowed";
    if (span_eq(status, SPAN("fail")))
        return "its sealer found the chain broken";
    if (!span_eq(status, position == 1 ? SPAN("none") : SPAN("pass")))
        return "cv= is not what its place asks for";
    return NULL;
}

static void fill(struct collecting *c, const char *why, struct dkim_candidate *candidate) {
    struct span domain = SPAN_NONE;
    if (candidate->signature.domain.n && idn_to_ascii(candidate->signature.domain, c->arena, &domain))
        domain = SPAN_NONE;
    why = why ? why : dkim_unusable(&candidate->signature, domain, c->arena, c->now_unix_ms);
    dkim_candidate_fill(candidate, domain, why, c->arena);
}

static void add_seal(struct collecting *c, const struct mail_field *field) {
    struct dkim_tags tags;
    bool ok = dkim_tags_parse(field->body, &tags) == SD_OK;
    unsigned position = ok ? position_of(dkim_tag_value(&tags, "i")) : 0;
    struct arc_link *link = link_at(c, position);
    if (!link)
        return;
    if (link->seal.field)
        broken(c, SPAN("an ARC set has a field twice"));
    link->seal = (struct dkim_candidate){.field = field};
    fill(c, read_seal(&tags, position, &link->seal.signature), &link->seal);
    if (position == c->to->verdict.instance)
        c->to->verdict.domain = link->seal.verdict.domain;
}

/* §4.1.2: as a DKIM-Signature but for i= and v=; it must not sign what is sealed after it. */
static const char *read_newest(struct span body, struct dkim_signature *ret) {
    struct dkim_tags tags;
    if (dkim_tags_parse(body, &tags))
        return "the tag list has a syntax error";
    const char *why = dkim_take_signer(&tags, ret);
    why = why ? why : dkim_take_coverage(&tags, ret);
    if (!dkim_tag(&tags, "c")) /* RFC 6376 §3.5 says simple, but the field's signers and its test suite mean relaxed */
        ret->header_relaxed = ret->body_relaxed = true;
    return !why && dkim_list_has(ret->names, SPAN("ARC-Seal")) ? "h= names ARC-Seal" : why;
}

static void add_fields(struct collecting *c) {
    const struct mail_header *header = &c->to->message->header;
    for (size_t i = 0; i < header->count; i++) {
        const struct mail_field *field = &header->fields[i];
        enum arc_kind kind = kind_of(field->name);
        if (kind == ARC_RESULTS)
            add_results(c, field);
        else if (kind == ARC_SIGNATURE)
            add_signature(c, field);
        else if (kind == ARC_SEAL)
            add_seal(c, field);
    }
}

/* §5.2 steps 2 and 3: all sets, whole, and each seal one that can be used. */
static void check_links(struct collecting *c) {
    struct arc_candidates *to = c->to;
    for (size_t i = 0; i < c->room; i++) {
        const struct arc_link *link = &to->links[i];
        if (!link->results || !link->signature || !link->seal.field)
            broken(c, SPAN("an ARC set lacks a field"));
    }
    for (size_t i = c->room; i > 0 && !c->is_broken; i--) {
        const struct dkim_verdict *seal = &to->links[i - 1].seal.verdict;
        if (seal->result != AUTH_NONE)
            broken(c, arena_printf(c->arena, "the seal of instance %zu: %.*s", i, SPAN_FMT(seal->reason)));
    }
}

static void check_newest(struct collecting *c) {
    struct dkim_candidate *newest = &c->to->newest;
    newest->field = c->to->links[c->room - 1].signature;
    fill(c, read_newest(newest->field->body, &newest->signature), newest);
    if (newest->verdict.result != AUTH_NONE)
        broken(c, arena_printf(c->arena, "the newest message signature: %.*s", SPAN_FMT(newest->verdict.reason)));
}

static size_t count_fields(const struct mail_header *header) {
    size_t n = 0;
    for (size_t i = 0; i < header->count; i++)
        n += kind_of(header->fields[i].name) != ARC_NO_FIELD;
    return n;
}

static enum sd_err read_sets(struct collecting *c, size_t fields) {
    struct arc_candidates *to = c->to;
    c->room = (fields + 2) / 3;
    to->links = arena_array(c->arena, c->room, sizeof *to->links);
    if (!to->links)
        return SD_ERR_NOMEM;
    add_fields(c);
    if (!c->is_broken)
        check_links(c);
    if (!c->is_broken)
        check_newest(c);
    return arena_err(c->arena);
}

enum sd_err arc_collect(const struct mail_message *message, int64_t now_unix_ms, struct arena *arena,
                        struct arc_candidates *ret) {
    struct collecting c = {.to = ret, .arena = arena, .now_unix_ms = now_unix_ms};
    size_t fields = count_fields(&message->header);
    *ret = (struct arc_candidates){.message = message};
    if (fields == 0)
        return SD_OK;
    enum sd_err err = SD_OK;
    if (fields > ARC_MAX_FIELDS)
        broken(&c, SPAN("there are more ARC fields than 50 sets have"));
    else
        err = read_sets(&c, fields);
    if (c.is_broken) {
        ret->verdict.result = AUTH_FAIL;
        ret->verdict.reason = c.why;
    }
    ret->count = c.is_broken ? 0 : c.room;
    return err;
}
