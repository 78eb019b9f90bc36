#include "clerk/filing.h"
#include "auth/auth.h"
#include "core/log.h"
#include "store/event.h"
#include "store/facet.h"
#include "store/message.h"
#include "store/ticket.h"

#include <string.h>

/* What is in the way of a new letter's rows was put there by nobody who may: it must not stop the mail behind it. */
static enum sd_err pass_existing(enum sd_err err, const char *what) {
    if (err != SD_ERR_EXISTS)
        return err;
    log_warn("clerk.file", "existing=%s", what);
    return SD_OK;
}

static enum sd_err file_facets(struct store *store, const struct record *record) {
    struct facet_walk walk = facet_walk_start(record);
    struct record_facet f;
    enum sd_err err = SD_OK;
    while (err == SD_OK && facet_walk_next(&walk, &f))
        err = pass_existing(facet_put(store, &f.object, f.facet, f.sealed), "facet");
    return err;
}

static uint64_t attachment_bytes(const struct record *record, const struct object_id *object) {
    struct facet_walk walk = facet_walk_start(record);
    struct record_facet f;
    while (facet_walk_next(&walk, &f))
        if (f.facet == FACET_FILE && memcmp(f.object.b, object->b, sizeof object->b) == 0)
            return sealed_plain_bytes(f.sealed);
    return 0;
}

/* The keeper's word, the letter's first; what it says nothing about was not looked into. */
static enum object_state next_state(struct ipc_list_iter *states) {
    struct span state;
    if (!ipc_list_next(states, &state) || state.n != 1 || state.p[0] > OBJECT_UNSCANNABLE)
        return OBJECT_UNSCANNED;
    return (enum object_state)state.p[0];
}

static enum sd_err file_attachments(struct store *store, const struct record *record, struct ipc_list_iter *states) {
    enum sd_err err = SD_OK;
    for (uint16_t i = 0; i < record->header.attachments && err == SD_OK; i++) {
        struct attachment_row row = {.message = record->object, .index = i, .state = next_state(states)};
        err = attachment_object_id(&record->object, i, &row.object);
        row.size_bytes = err ? 0 : attachment_bytes(record, &row.object);
        if (err == SD_OK)
            err = pass_existing(attachment_add(store, &row), "attachment");
    }
    return err;
}

static const char *disposition_word(unsigned disposition) {
    static const char *const words[] = {
#define X(name, text) text,
        DISPOSITION_LIST(X)
#undef X
    };
    return disposition < SD_COUNT(words) ? words[disposition] : "unknown";
}

static enum sd_err file_event(struct store *store, const struct message_row *message) {
    struct event_row event = {.at_ms = message->at_ms,
                              .kind = EVENT_RECEIVED,
                              .actor = SPAN("clerk"),
                              .detail = span_cstr(disposition_word(message->disposition)),
                              .has_object = true,
                              .object = message->object};
    return event_add(store, &message->ticket, &event);
}

/* What the keeper found out about who sent it: its word, and not the edge's, where they differ. */
static void take_findings(struct message_row *message, const struct cards_adopted_v1 *answer) {
    message->stricter = answer->disposition < message->disposition; /* what the edge said */
    message->disposition = answer->disposition;
    message->signals = answer->signals;
    message->known = answer->known;
    message->known_since_ms = answer->known_since_ms;
    message->as_customer = answer->as_customer;
    message->encrypted = answer->encrypted;
    for (size_t i = 0; i < answer->domain_tag.n && i < sizeof message->domain_tag; i++) {
        message->domain_tag[i] = answer->domain_tag.p[i];
        message->has_domain_tag |= answer->domain_tag.p[i] != 0; /* all zero: none */
    }
}

enum sd_err file_record(struct store *store, const struct record *record, const struct cards_adopted_v1 *answer,
                        int64_t now_ms) {
    struct ipc_list_iter states = ipc_list_start(answer->states);
    struct message_row message = {.object = record->object,
                                  .direction = DIRECTION_IN,
                                  .at_ms = record->header.received_ms,
                                  .trust = record->header.trust,
                                  .disposition = record->header.disposition,
                                  .state = next_state(&states),
                                  .attachments = record->header.attachments,
                                  .size_bytes = record->header.size_bytes};
    enum ticket_state state = (enum ticket_state)answer->ticket_state;
    enum sd_err err = ticket_id_from(answer->ticket, &message.ticket);
    take_findings(&message, answer);
    /* The edge's clock is ours; a time that is ahead of it would keep the ticket on top of every list. */
    if (message.at_ms > now_ms)
        message.at_ms = now_ms;
    if (err == SD_OK)
        err = ticket_ensure(store, &message.ticket, answer->queue, state, &record->object, message.at_ms);
    if (err == SD_OK && answer->category < CATEGORY_COUNT)
        err = ticket_file_category(store, &message.ticket, (enum category)answer->category);
    if (err == SD_OK)
        err = message_add(store, &message, state);
    if (err)
        return err == SD_ERR_EXISTS ? SD_OK : err;
    err = file_facets(store, record);
    if (err == SD_OK)
        err = file_attachments(store, record, &states);
    return err ? err : file_event(store, &message);
}
