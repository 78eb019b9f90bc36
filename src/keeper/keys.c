/* keys.c - every key that there is, for people; and replacing them by hand. None of it prints a key. */
#include "keeper/keys.h"
#include "core/codec.h"
#include "core/json_out.h"
#include "core/log.h"
#include "keeper/generation.h"
#include "keeper/handlers.h"

#include <string.h>

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define BACKUP_KEEP_DAYS 35
#define BACKUP_KEEP_DAYS_MAX 3650
#define LINE_BYTES 512
#define LIST_BYTES ((size_t)48 * 1024)

/* ---- settings ---- */

struct key_settings key_settings_default(void) {
    return (struct key_settings){.root = ROOT_FILE, .backup_keep_ms = BACKUP_KEEP_DAYS * DAY_MS};
}

static enum sd_err read_recovery_key(const char *text, struct key_settings *settings) {
    if (!*text)
        return SD_OK;
    settings->has_recovery_key = hex_to_bytes(span_cstr(text), settings->recovery_key, KEY_BYTES) == SD_OK;
    if (settings->has_recovery_key)
        return SD_OK;
    log_error("keeper.keys", "backup.recovery_key is not a key as sealdesk backup keygen prints it");
    return SD_ERR_CONFIG;
}

enum sd_err key_settings_from_config(const struct config *config, struct key_settings *ret) {
    struct key_settings settings = key_settings_default();
    int64_t days = config_int(config, "backup.keep");
    enum sd_err err = root_source_from(config_text(config, "keeper.root"), &settings.root);
    if (err == SD_OK)
        err = read_recovery_key(config_text(config, "backup.recovery_key"), &settings);
    if (err == SD_OK && (days < 1 || days > BACKUP_KEEP_DAYS_MAX)) {
        log_error("keeper.keys", "backup.keep is out of range");
        err = SD_ERR_CONFIG;
    }
    settings.backup_keep_ms = days * DAY_MS;
    if (err == SD_OK)
        *ret = settings;
    return err;
}

void keeper_set_keys(struct keeper *k, const struct key_settings *settings) {
    k->keys = *settings;
}

/* ---- list ---- */

struct key_lines {
    struct keeper *k;
    struct buf raw, line;
    struct ipc_list list;
    struct json_out j;
};

static void begin_line(struct key_lines *lines, const char *kind) {
    buf_reset(&lines->line);
    lines->j = json_out(&lines->line);
    json_begin_object(&lines->j, NULL);
    json_cstr(&lines->j, "kind", kind);
}

static void end_line(struct key_lines *lines) {
    json_end(&lines->j);
    if (buf_err(&lines->line))
        buf_fail(&lines->raw, buf_err(&lines->line));
    ipc_list_add(&lines->list, &lines->raw, buf_span(&lines->line));
}

static void put_when(struct json_out *j, const char *name, int64_t ms) {
    if (ms)
        json_time(j, name, ms);
    else
        json_put_null(j, name);
}

static enum sd_err list_generation(struct key_lines *lines, enum generation_kind kind, int64_t next_ms) {
    struct generation generation;
    int64_t pages = 0, keys = 0;
    enum sd_err err = generation_find(lines->k, kind, &generation);
    if (err == SD_OK && kind == GENERATION_PAGES)
        err = pages_count(&lines->k->pages, &pages, &keys);
    if (err)
        return err;
    begin_line(lines, generation_text(kind));
    json_int(&lines->j, "number", generation.number);
    put_when(&lines->j, "made_at", generation.made_ms);
    if (kind == GENERATION_ROOT)
        json_cstr(&lines->j, "kept_as", root_source_text(lines->k->root.source));
    if (kind == GENERATION_PAGES) {
        json_int(&lines->j, "pages", pages);
        json_int(&lines->j, "keys", keys);
    } else {
        put_when(&lines->j, "next_by", next_ms);
    }
    end_line(lines);
    return SD_OK;
}

static enum sd_err list_generations(struct key_lines *lines) {
    int64_t next_ms = 0;
    enum sd_err err = generation_due(lines->k, &next_ms);
    for (unsigned kind = 0; kind < GENERATION_KINDS && err == SD_OK; kind++)
        err = list_generation(lines, (enum generation_kind)kind, next_ms);
    return err;
}

static enum sd_err list_intake(struct key_lines *lines) {
    struct query q = db_query(lines->k->db, SQL_INTAKE_ALL);
    while (query_row(&q)) {
        begin_line(lines, "intake");
        json_hex(&lines->j, "id", query_get(&q, 0));
        put_when(&lines->j, "made_at", query_get_int(&q, 1));
        put_when(&lines->j, "next_by", query_get_int(&q, 3) ? 0 : query_get_int(&q, 2));
        put_when(&lines->j, "replaced_at", query_get_int(&q, 3));
        end_line(lines);
    }
    return query_end(&q);
}

static void list_dkim(struct key_lines *lines, const struct dkim_key *key) {
    begin_line(lines, "dkim");
    json_text(&lines->j, "domain", buf_span(&key->domain));
    json_text(&lines->j, "selector", buf_span(&key->selector));
    json_cstr(&lines->j, "algorithm", key->algorithm == SIGN_ED25519 ? "ed25519" : "rsa");
    put_when(&lines->j, "made_at", key->made_ms);
    json_cstr(&lines->j, "state", dkim_state(key, lines->k->spec.now_ms()));
    put_when(&lines->j, "signs_from", key->from_ms == DKIM_PREPARED ? 0 : key->from_ms ? key->from_ms : key->made_ms);
    put_when(&lines->j, "ended_at", key->ended_ms);
    end_line(lines);
}

/* They are never replaced: what they wrap and find is only as old as the vault key above them. */
static void list_constant(struct key_lines *lines) {
    static const char *const kinds[] = {"field", "index", "log"};
    for (size_t i = 0; i < SD_COUNT(kinds); i++) {
        begin_line(lines, kinds[i]);
        if (strcmp(kinds[i], "log") == 0)
            json_text(&lines->j, "name", lines->k->log_key.origin);
        json_put_null(&lines->j, "next_by");
        end_line(lines);
    }
}

enum sd_err keeper_on_key_list(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_key_list_req *req) {
    struct key_lines lines = {.k = ctx, .raw = buf_new(LIST_BYTES), .line = buf_new(LINE_BYTES)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = list_generations(&lines);
    if (err == SD_OK)
        err = list_intake(&lines);
    for (size_t i = 0; i < lines.k->dkim_count && err == SD_OK; i++)
        list_dkim(&lines, &lines.k->dkim[i]);
    list_constant(&lines);
    if (err == SD_OK)
        err = buf_err(&lines.raw);
    if (err == SD_OK)
        err = keeper_key_list_rep_encode(&out, &(struct keeper_key_list_rep){.keys = lines.list});
    buf_free(&lines.raw);
    buf_free(&lines.line);
    struct leaf leaf = {.actor = ACTOR_ROOT, .action = "key-list", .object = "key", .outcome = OUTCOME_GRANTED};
    return err ? err : answer_recorded(ctx, call, &out, &leaf);
}

/* ---- rotate ---- */

struct rotation {
    struct keeper *k;
    struct records records;
    struct buf raw, line;
    struct ipc_list done;
    const char *problem; /* for people; NULL: done */
};

static void say(struct rotation *r, const char *what, struct span of) {
    buf_reset(&r->line);
    buf_printf(&r->line, "%s%.*s", what, SPAN_FMT(of));
    ipc_list_add(&r->done, &r->raw, buf_span(&r->line));
}

static enum sd_err rotate_intake(struct rotation *r) {
    enum sd_err err = db_begin(r->k->db);
    if (err)
        return err;
    err = intake_key_make(r->k);
    records_add_changed(
        &r->records,
        &(struct leaf){
            .actor = ACTOR_ROOT, .action = "key-rotate", .object = "key", .outcome = OUTCOME_GRANTED, .reason = "intake"});
    err = db_end(r->k->db, err ? err : r->records.err);
    if (err == SD_OK)
        say(r, "intake: a new key; the edge takes it within ten minutes, the one before dies a day after", SPAN_NONE);
    return err;
}

static bool is_ours(struct keeper *k, struct span domain) {
    for (size_t i = 0; i < k->domain_count; i++)
        if (span_ieq(buf_span(&k->domains[i]), domain))
            return true;
    return false;
}

static enum sd_err step_domain(struct rotation *r, const struct keeper_key_rotate_req *req, struct span domain) {
    if (req->step == ROTATE_PREPARE)
        return dkim_prepare(r->k, domain, &r->records);
    int64_t now_ms = r->k->spec.now_ms();
    return dkim_activate(r->k, domain, req->at_ms > now_ms ? req->at_ms : now_ms, &r->records);
}

static enum sd_err rotate_dkim(struct rotation *r, const struct keeper_key_rotate_req *req) {
    if (req->domain.n && !is_ours(r->k, req->domain)) {
        r->problem = "No such domain in main.domains.";
        return SD_OK;
    }
    enum sd_err err = db_begin(r->k->db);
    if (err)
        return err;
    for (size_t i = 0; i < r->k->domain_count && err == SD_OK; i++) {
        struct span domain = buf_span(&r->k->domains[i]);
        if (req->domain.n && !span_ieq(domain, req->domain))
            continue;
        err = step_domain(r, req, domain);
        say(r, req->step == ROTATE_PREPARE ? "dkim: prepared for " : "dkim: new keys sign for ", domain);
    }
    enum sd_err end = db_end(r->k->db, err);
    if (err == SD_ERR_NOTFOUND) {
        r->problem = "Nothing is prepared: run sealdesk keys rotate dkim first, and publish what sealdesk dns prints.";
        return SD_OK;
    }
    dkim_tick(r->k);
    return end;
}

static enum sd_err rotate_generation(struct rotation *r, struct span kind) {
    for (unsigned i = 0; i < GENERATION_KINDS; i++) {
        enum generation_kind generation = (enum generation_kind)i;
        if (!span_eq(kind, span_cstr(generation_text(generation))))
            continue;
        enum sd_err err = generation_replace(r->k, generation, ACTOR_ROOT, &r->records);
        if (err == SD_OK)
            say(r, "replaced: ", kind);
        return err;
    }
    r->problem = "There is no such kind of key: root, vault, pages, intake or dkim.";
    return SD_OK;
}

static enum sd_err rotate(struct rotation *r, const struct keeper_key_rotate_req *req) {
    if (span_eq(req->kind, SPAN("intake")))
        return rotate_intake(r);
    if (span_eq(req->kind, SPAN("dkim")))
        return rotate_dkim(r, req);
    return rotate_generation(r, req->kind);
}

static enum sd_err answer_rotated(struct rotation *r, struct ipc_call *call) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_key_rotate_rep rep = {.problem = span_cstr(r->problem)};
    if (r->problem) {
        struct leaf leaf = {.actor = ACTOR_ROOT, .action = "key-rotate", .object = "key", .outcome = OUTCOME_FAILED};
        records_free(&r->records);
        records_start(&r->records, r->k);
        records_add(&r->records, &leaf);
    } else {
        rep.done = r->done;
    }
    if (!r->records.first) { /* nothing was left to do */
        struct leaf leaf = {
            .actor = ACTOR_ROOT, .action = "key-rotate", .object = "key", .outcome = OUTCOME_GRANTED, .reason = "as before"};
        records_add(&r->records, &leaf);
    }
    enum sd_err err = keeper_key_rotate_rep_encode(&out, &rep);
    return err ? err : records_send(&r->records, call, SD_OK, &out);
}

enum sd_err keeper_on_key_rotate(void *ctx, struct ipc_call *call, const struct keeper_key_rotate_req *req) {
    struct rotation r = {.k = ctx, .raw = buf_new(LIST_BYTES), .line = buf_new(LINE_BYTES)};
    records_start(&r.records, ctx);
    enum sd_err err = rotate(&r, req);
    if (err == SD_OK)
        err = buf_err(&r.raw);
    if (err == SD_OK)
        err = answer_rotated(&r, call);
    records_free(&r.records);
    buf_free(&r.raw);
    buf_free(&r.line);
    return err;
}
