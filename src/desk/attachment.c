#include "desk/attachment.h"
#include "desk/present.h"
#include "desk/ticket_find.h"

#include <errno.h>
#include <time.h>

enum sd_err attachment_find(struct desk *desk, struct exchange *x, struct attachment_row *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct object_id id;
    enum sd_err err = path_id(x, &id);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    return err ? err : attachment_get(lease.store, &id, ret);
}

struct span attachment_name_in(const struct cards_head_v1 *card, uint16_t index) {
    struct ipc_list_iter iter = ipc_list_start(card->attachments);
    struct span item;
    for (uint16_t i = 0; ipc_list_next(&iter, &item); i++) {
        struct cards_attachment_v1 attachment;
        if (i == index && cards_attachment_v1_decode(item, NULL, &attachment) == SD_OK)
            return attachment.name;
    }
    return SPAN_NONE;
}

enum sd_err attachment_name(struct desk *desk, struct exchange *x, const struct attachment_row *row, struct span *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct head head SD_CLEANUP(head_free) = {0};
    struct keys keys;
    *ret = SPAN_NONE;
    enum sd_err err = read_head_keys(desk, x, &row->message, 1, &keys);
    if (err || keys.keys[0].n == 0)
        return err == SD_ERR_DENIED || err == SD_ERR_NOTFOUND ? SD_OK : err;
    err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head_or_say(lease.store, &row->message, keys.keys[0], &head);
    if (err == SD_OK)
        *ret = arena_span(x->arena, attachment_name_in(&head.card, row->index));
    return err ? err : arena_err(x->arena);
}

static void put_attachment(struct json_out *j, const struct object_id *id, const struct cards_attachment_v1 *card,
                           const struct custody *custody) {
    struct custody_item item = custody_of(custody, id);
    json_begin_object(j, NULL);
    put_id(j, "id", id->b);
    json_text(j, "name", card->name);
    json_text(j, "type", card->type);
    json_int(j, "size", (int64_t)card->size_bytes);
    put_custody(j, &item);
    json_end(j);
}

void put_attachments(struct json_out *j, const char *key, const struct object_id *letter, const struct cards_head_v1 *card,
                     const struct custody *custody) {
    struct ipc_list_iter iter = ipc_list_start(card->attachments);
    struct span item;
    json_begin_array(j, key);
    for (uint16_t i = 0; ipc_list_next(&iter, &item); i++) {
        struct cards_attachment_v1 attachment;
        struct object_id id;
        if (cards_attachment_v1_decode(item, NULL, &attachment) == SD_OK && attachment_object_id(letter, i, &id) == SD_OK)
            put_attachment(j, &id, &attachment, custody);
    }
    json_end(j);
}

enum sd_err place_take(sem_t *places, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    while (sem_clockwait(places, CLOCK_MONOTONIC, &until) != 0)
        if (errno != EINTR)
            return SD_ERR_BUSY;
    return SD_OK;
}
