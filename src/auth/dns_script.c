#include "auth/dns_script.h"
#include "auth/name.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_MAX_RECORDS 4096
#define SCRIPT_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define SCRIPT_MAX_CNAMES 8
#define SCRIPT_ANY 255 /* a failure for every type that has no record */

struct record {
    struct span name;
    unsigned type;
    struct span rdata;
};

struct dns_script {
    struct arena *arena;
    struct record *records;
    size_t count;
    struct record *asked;
    size_t asked_count;
    size_t open;
};

enum sd_err dns_script_new(struct dns_script **ret) {
    struct dns_script *script = calloc(1, sizeof *script);
    if (!script)
        return SD_ERR_NOMEM;
    script->arena = arena_new(SCRIPT_MAX_BYTES);
    script->records = calloc(SCRIPT_MAX_RECORDS, sizeof *script->records);
    script->asked = calloc(SCRIPT_MAX_RECORDS, sizeof *script->asked);
    if (!script->arena || !script->records || !script->asked) {
        dns_script_free(&script);
        return SD_ERR_NOMEM;
    }
    *ret = script;
    return SD_OK;
}

void dns_script_free(struct dns_script **script) {
    if (!*script)
        return;
    arena_free(&(*script)->arena);
    free((*script)->records);
    free((*script)->asked);
    free(*script);
    *script = NULL;
}

static enum sd_err add(struct dns_script *script, struct span name, unsigned type, struct span rdata) {
    if (script->count == SCRIPT_MAX_RECORDS)
        return SD_ERR_LIMIT;
    struct record r = {name_lower(name_undot(name), script->arena), type, arena_span(script->arena, rdata)};
    enum sd_err err = arena_err(script->arena);
    if (err == SD_OK)
        script->records[script->count++] = r;
    return err;
}

enum sd_err dns_script_add(struct dns_script *script, struct span name, enum dns_type type, struct span rdata) {
    return add(script, name, type, rdata);
}

enum sd_err dns_script_add_failure(struct dns_script *script, struct span name) {
    return add(script, name, SCRIPT_ANY, SPAN_NONE);
}

enum sd_err dns_script_add_txt(struct dns_script *script, struct span name, const struct span *strings, size_t count) {
    struct buf rdata SD_CLEANUP(buf_free) = buf_new(65535);
    for (size_t i = 0; i < count; i++) {
        struct span rest = strings[i];
        do {
            struct span part = span_sub(rest, 0, 255); /* RFC 1035 §3.3: a character-string holds at most 255 */
            buf_byte(&rdata, (uint8_t)part.n);
            buf_put(&rdata, part);
            rest = span_from(rest, part.n);
        } while (rest.n);
    }
    enum sd_err err = buf_err(&rdata);
    return err ? err : add(script, name, DNS_TXT, buf_span(&rdata));
}

static void put_name(struct buf *to, struct span name) {
    struct span label;
    for (struct span_split s = span_split_start(name_undot(name)); span_split_next(&s, '.', &label);) {
        buf_byte(to, (uint8_t)label.n);
        buf_put(to, label);
    }
    buf_byte(to, 0);
}

static struct span word(struct span *rest) {
    struct span s = span_trim(*rest);
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    *rest = span_trim(span_from(s, n));
    return span_sub(s, 0, n);
}

static enum sd_err put_address(struct buf *to, int family, size_t n, struct span text) {
    char copy[64];
    uint8_t address[16];
    if (text.n >= sizeof copy)
        return SD_ERR_PARSE;
    if (text.n)
        memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    if (inet_pton(family, copy, address) != 1)
        return SD_ERR_PARSE;
    buf_put(to, span_of(address, n));
    return SD_OK;
}

static enum sd_err put_mx(struct buf *to, struct span text) {
    uint64_t preference;
    enum sd_err err = span_to_u64(word(&text), &preference);
    if (err || preference > UINT16_MAX)
        return SD_ERR_PARSE;
    buf_byte(to, (uint8_t)(preference >> 8));
    buf_byte(to, (uint8_t)(preference & 0xff));
    put_name(to, text);
    return SD_OK;
}

static enum sd_err put_rdata(struct buf *to, enum dns_type type, struct span text) {
    if (type == DNS_A)
        return put_address(to, AF_INET, 4, text);
    if (type == DNS_AAAA)
        return put_address(to, AF_INET6, 16, text);
    if (type == DNS_MX)
        return put_mx(to, text);
    put_name(to, text);
    return SD_OK;
}

enum sd_err dns_script_add_text(struct dns_script *script, struct span name, enum dns_type type, struct span text) {
    struct buf rdata SD_CLEANUP(buf_free) = buf_new(65535);
    enum sd_err err = type == DNS_TXT ? dns_script_add_txt(script, name, &text, 1) : put_rdata(&rdata, type, text);
    if (err || type == DNS_TXT)
        return err;
    err = buf_err(&rdata);
    return err ? err : add(script, name, type, buf_span(&rdata));
}

static enum sd_err load_txt(struct dns_script *script, struct span name, struct span rest) {
    struct span strings[64];
    size_t count = 0;
    if (rest.n == 0 || rest.p[0] != '"')
        return dns_script_add_txt(script, name, &rest, 1);
    while (rest.n && rest.p[0] == '"' && count < SD_COUNT(strings)) {
        rest = span_from(rest, 1);
        size_t end = span_find(rest, '"');
        strings[count++] = span_sub(rest, 0, end);
        rest = span_trim(span_from(rest, end + 1));
    }
    return rest.n ? SD_ERR_PARSE : dns_script_add_txt(script, name, strings, count);
}

static const struct {
    const char *text;
    enum dns_type type;
} type_names[] = {{"A", DNS_A},     {"AAAA", DNS_AAAA},   {"MX", DNS_MX}, {"TXT", DNS_TXT},
                  {"PTR", DNS_PTR}, {"CNAME", DNS_CNAME}, {"NS", DNS_NS}};

static enum sd_err load_line(struct dns_script *script, struct span line) {
    struct span name = word(&line);
    struct span type = word(&line);
    if (name.n == 0 || name.p[0] == '#')
        return SD_OK;
    if (span_ieq(type, SPAN("SERVFAIL")) || span_ieq(type, SPAN("TIMEOUT")))
        return dns_script_add_failure(script, name);
    for (size_t i = 0; i < SD_COUNT(type_names); i++)
        if (span_ieq(type, span_cstr(type_names[i].text)))
            return type_names[i].type == DNS_TXT ? load_txt(script, name, line)
                                                 : dns_script_add_text(script, name, type_names[i].type, line);
    return SD_ERR_PARSE;
}

enum sd_err dns_script_load(struct dns_script *script, struct span lines) {
    struct span line;
    for (struct span_split s = span_split_start(lines); span_split_next(&s, '\n', &line);) {
        enum sd_err err = load_line(script, line);
        if (err)
            return err;
    }
    return SD_OK;
}

/* A name exists when it or a name below it has a record. */
static bool exists(const struct dns_script *script, struct span name) {
    for (size_t i = 0; i < script->count; i++)
        if (name_is_under(script->records[i].name, name))
            return true;
    return false;
}

/* The name whose records answer: itself, the wildcard below its closest encloser (RFC 4592 §3.3.1), or none. */
static struct span owner(const struct dns_script *script, struct span name, struct arena *arena) {
    if (exists(script, name))
        return name;
    for (struct span up = name_parent(name); up.n; up = name_parent(up)) {
        if (!exists(script, up))
            continue;
        struct span wild = arena_printf(arena, "*.%.*s", SPAN_FMT(up));
        return exists(script, wild) ? wild : SPAN_NONE;
    }
    return SPAN_NONE;
}

static size_t collect(const struct dns_script *script, struct span name, unsigned type, struct span *to) {
    size_t n = 0;
    for (size_t i = 0; i < script->count; i++)
        if (script->records[i].type == type && span_ieq(script->records[i].name, name)) {
            if (to)
                to[n] = script->records[i].rdata;
            n++;
        }
    return n;
}

static enum sd_err answer(struct dns_script *script, struct span name, enum dns_type type, struct arena *arena,
                          struct dns_answer *ret) {
    for (unsigned hop = 0; hop <= SCRIPT_MAX_CNAMES; hop++) {
        struct span at = owner(script, name, arena);
        size_t n = at.n ? collect(script, at, type, NULL) : 0;
        struct span *records = arena_array(arena, n + 1, sizeof *records);
        if (!records)
            return SD_ERR_NOMEM;
        if (n) {
            *ret = (struct dns_answer){.outcome = DNS_FOUND, .ttl_s = 300, .records = records, .count = n};
            (void)collect(script, at, type, records);
            return SD_OK;
        }
        if (at.n == 0 || collect(script, at, DNS_CNAME, NULL) != 1) {
            bool fails = at.n && collect(script, at, SCRIPT_ANY, NULL) > 0;
            *ret = (struct dns_answer){.outcome = fails ? DNS_TEMPFAIL : at.n ? DNS_NODATA : DNS_NXDOMAIN};
            return SD_OK;
        }
        (void)collect(script, at, DNS_CNAME, records);
        if (dns_name_text(records[0], arena, &name))
            break;
    }
    *ret = (struct dns_answer){.outcome = DNS_TEMPFAIL}; /* a loop */
    return SD_OK;
}

static enum sd_err script_start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    struct dns_script *script = ctx;
    if (script->asked_count == SCRIPT_MAX_RECORDS)
        return SD_ERR_LIMIT;
    struct record question = {name_lower(name_undot(name), script->arena), type, SPAN_NONE};
    if (arena_err(script->arena))
        return SD_ERR_NOMEM;
    *ret = (struct dns_ticket){.id = script->asked_count};
    script->asked[script->asked_count++] = question;
    script->open++;
    return SD_OK;
}

static enum sd_err script_wait(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                               struct dns_answer *ret) {
    struct dns_script *script = ctx;
    (void)deadline;
    if (ticket.id >= script->asked_count || script->open == 0)
        return SD_ERR_BUG;
    script->open--;
    return answer(script, script->asked[ticket.id].name, (enum dns_type)script->asked[ticket.id].type, arena, ret);
}

struct dns_source dns_script_source(struct dns_script *script) {
    return (struct dns_source){.ctx = script, .start = script_start, .wait = script_wait};
}

size_t dns_script_asked(const struct dns_script *script) {
    return script->asked_count;
}

size_t dns_script_open(const struct dns_script *script) {
    return script->open;
}

bool dns_script_was_asked(const struct dns_script *script, struct span name, enum dns_type type) {
    for (size_t i = 0; i < script->asked_count; i++)
        if (script->asked[i].type == type && span_ieq(script->asked[i].name, name))
            return true;
    return false;
}
