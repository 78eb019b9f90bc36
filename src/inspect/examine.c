/* Looks at a message about to leave, for the keeper: from whom, to whom, and can it be read in one way only. */
#include "inspect/inspect.h"

#define RECIPIENTS_MAX 100

static enum sd_err put_recipients(const struct mail_message *m, struct span field, struct ipc_list *list, struct buf *raw) {
    for (size_t i = 0; i < m->header.count; i++) {
        struct mail_address_list addresses;
        if (!span_ieq(m->header.fields[i].name, field))
            continue;
        enum sd_err err = mail_parse_addresses(m->header.fields[i].body, m->arena, &addresses);
        if (err)
            return err;
        for (size_t k = 0; k < addresses.count; k++) {
            if (list->count == RECIPIENTS_MAX)
                return SD_ERR_LIMIT;
            ipc_list_add(list, raw, lower_case(addresses.items[k].address, m->arena));
        }
    }
    return buf_err(raw);
}

static enum sd_err examine(struct arena *arena, const struct inspect_examine_req *req, struct ipc_call *call) {
    struct mail_message message;
    struct mail_address from;
    struct letter_ids ids = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    struct inspect_examine_rep rep = {0};
    enum sd_err err = mail_parse(req->message, arena, &message);
    if (err == SD_OK)
        err = mail_from(&message, &from);
    if (err == SD_OK)
        err = put_recipients(&message, SPAN("To"), &rep.recipients, &raw);
    if (err == SD_OK)
        err = put_recipients(&message, SPAN("Cc"), &rep.recipients, &raw);
    if (err == SD_OK)
        err = letter_ids_make(&message, &ids);
    if (err)
        return err;
    rep.from_address = lower_case(from.address, arena);
    rep.message_id_hash = span_of(ids.message_id_hash, sizeof ids.message_id_hash);
    rep.reference_hashes = ids.reference_hashes;
    rep.ambiguities = message.ambiguities;
    rep.hidden_recipients = mail_field_first(&message.header, SPAN("Bcc")) != NULL;
    inspect_examine_reply(call, &rep);
    buf_free(&ids.raw);
    return SD_OK;
}

enum sd_err inspect_on_examine(void *ctx, struct ipc_call *call, const struct inspect_examine_req *req) {
    struct inspector *in = ctx;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(LETTER_ARENA_BYTES);
    size_t slot = watch_begin(&in->watch, clock_mono_ns());
    enum sd_err err = arena ? examine(arena, req, call) : SD_ERR_NOMEM;
    watch_end(&in->watch, slot);
    return err;
}
