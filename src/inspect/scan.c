/* Looks again into letters that are kept, and has the spam filter learn from them. */
#include "inspect/inspect.h"

#include "core/log.h"

#define LEARN_MS 10000

static void put_state(uint64_t findings, struct ipc_list *list, struct buf *raw) {
    const uint8_t state = (uint8_t)findings_state(findings);
    ipc_list_add(list, raw, span_of(&state, 1));
}

static enum sd_err read_source(struct span source, struct arena *arena, struct letter_facets *facets,
                               struct letter_parts *parts) {
    struct mail_message *message = ARENA_NEW(arena, struct mail_message);
    enum sd_err err = message ? mail_parse(source, arena, message) : SD_ERR_NOMEM;
    err = err ? err : facets_of_files(message, facets);
    err = err ? err : crypt_sha256(source, &parts->digest);
    if (err)
        return err;
    parts->bytes = source;
    parts->message = message;
    parts->ambiguities = message->ambiguities | facets->ambiguities;
    facets_parts(facets, parts);
    return SD_OK;
}

/* With the scanner down nothing new is known: what is on record stays. */
static enum sd_err look_again(struct inspector *in, struct arena *arena, const struct inspect_scan_req *req,
                              struct letter_found *found) {
    struct letter_facets facets = {0};
    struct letter_parts *parts = ARENA_NEW(arena, struct letter_parts);
    enum sd_err err = parts ? read_source(req->source, arena, &facets, parts) : SD_ERR_NOMEM;
    err = err ? err : found_look(in, parts, deadline_in_ms(LETTER_MS), found);
    buf_free(&facets.bundle);
    if (err == SD_OK && found->scanner_down)
        err = SD_ERR_UNAVAILABLE;
    return err;
}

static enum sd_err scan(struct inspector *in, struct ipc_call *call, const struct inspect_scan_req *req) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(LETTER_ARENA_BYTES);
    struct buf raw SD_CLEANUP(buf_free) = buf_new((LIMIT_ATTACHMENTS + 1) * (size_t)8);
    struct letter_found *found = arena ? ARENA_NEW(arena, struct letter_found) : NULL;
    struct inspect_scan_rep rep = {0};
    enum sd_err err = found ? look_again(in, arena, req, found) : SD_ERR_NOMEM;
    if (err == SD_OK)
        err = in->health.keeper ? found_tell(in, req->object.p, found) : SD_ERR_UNAVAILABLE;
    if (err) {
        log_warn("inspect.scan", "error=%s", sd_err_name(err));
        return err;
    }
    put_state(found->letter.findings, &rep.states, &raw);
    for (size_t i = 0; i < found->count; i++)
        put_state(found->files[i].findings, &rep.states, &raw);
    inspect_scan_reply(call, &rep);
    return SD_OK;
}

enum sd_err inspect_on_scan(void *ctx, struct ipc_call *call, const struct inspect_scan_req *req) {
    struct inspector *in = ctx;
    size_t slot = watch_begin(&in->watch, clock_mono_ns());
    enum sd_err err = scan(in, call, req);
    watch_end(&in->watch, slot);
    return err;
}

enum sd_err inspect_on_learn(void *ctx, struct ipc_call *call, const struct inspect_learn_req *req) {
    struct inspector *in = ctx;
    const char *problem = "";
    rspamd_learn(&in->rspamd, req->spam, req->source, deadline_in_ms(LEARN_MS), &problem);
    inspect_learn_reply(call, &(struct inspect_learn_rep){.problem = span_cstr(problem)});
    return SD_OK;
}
