#include "desk/reading.h"
#include "core/ipc/keeper.h"
#include "core/log.h"
#include "store/facet.h"

#include "auth/auth.h"

enum sd_err read_head_keys(struct desk *desk, struct exchange *x, const struct object_id *objects, size_t count,
                           struct keys *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct keeper_open_heads_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_open_heads_rep rep;
    *ret = (struct keys){0};
    if (count == 0)
        return SD_OK;
    for (size_t i = 0; i < count; i++)
        ipc_list_add(&req.objects, &raw, span_of(objects[i].b, sizeof objects[i].b));
    enum sd_err err = keeper_open_heads_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.keys);
    struct span key;
    while (ret->count < count && ipc_list_next(&iter, &key))
        ret->keys[ret->count++] = key.n == KEY_BYTES ? arena_span(x->arena, key) : SPAN_NONE;
    return ret->count == count ? arena_err(x->arena) : SD_ERR_PROTOCOL;
}

/* What keeper.open answers, in the exchange's arena. */
struct opening {
    struct span key;
    struct sha256 digest; /* zero for facets that are neither source nor file */
    struct ticket_id ticket;
};

static enum sd_err ask_open(struct desk *desk, struct exchange *x, const struct object_id *object, enum facet facet,
                            struct opening *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_open_req req = {.token = x->session.token,
                                  .origin = x->request->client,
                                  .object = span_of(object->b, sizeof object->b),
                                  .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    intend(x, facet == FACET_SOURCE || facet == FACET_FILE ? VERB_DOWNLOAD : VERB_OPEN, req.object);
    enum sd_err err = keeper_open_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        err = ticket_id_from(rep.ticket, &ret->ticket);
    if (err)
        return err;
    ret->key = arena_span(x->arena, rep.key);
    memcpy(ret->digest.b, rep.digest.p, sizeof ret->digest.b);
    return arena_err(x->arena);
}

enum sd_err read_key(struct desk *desk, struct exchange *x, const struct object_id *object, enum facet facet,
                     struct span *ret_key, struct ticket_id *ret_ticket) {
    struct opening opening;
    enum sd_err err = ask_open(desk, x, object, facet, &opening);
    if (err)
        return err;
    *ret_key = opening.key;
    if (ret_ticket)
        *ret_ticket = opening.ticket;
    return SD_OK;
}

enum sd_err read_file_key(struct desk *desk, struct exchange *x, const struct object_id *object, struct span *ret_key,
                          struct sha256 *ret_digest) {
    struct opening opening;
    enum sd_err err = ask_open(desk, x, object, FACET_FILE, &opening);
    if (err)
        return err;
    *ret_key = opening.key;
    *ret_digest = opening.digest;
    return SD_OK;
}

enum sd_err read_facet(struct store *store, const struct object_id *object, enum facet facet, struct span key, size_t plain_max,
                       struct buf *to) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(plain_max + plain_max / 16 + SEALED_EXTRA);
    enum sd_err err = facet_get(store, object, facet, &sealed);
    return err ? err : open_facet(key, object, facet, buf_span(&sealed), plain_max, to);
}

void head_free(struct head *head) {
    buf_free(&head->plain);
}

enum sd_err read_head(struct store *store, const struct object_id *object, struct span key, struct head *ret) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(HEAD_PLAIN_MAX);
    struct cards_head_v1 card;
    enum sd_err err = read_facet(store, object, FACET_HEAD, key, HEAD_PLAIN_MAX, &plain);
    if (err == SD_OK)
        err = cards_head_v1_decode(buf_span(&plain), NULL, &card);
    if (err)
        return err;
    ret->plain = plain;
    ret->card = card;
    plain = buf_new(0);
    return SD_OK;
}

enum sd_err read_head_or_say(struct store *store, const struct object_id *object, struct span key, struct head *ret) {
    enum sd_err err = read_head(store, object, key, ret);
    if (err == SD_OK || sd_err_fault(err) == SD_FAULT_OURS)
        return err;
    log_warn("desk.head", "error=%s", sd_err_name(err));
    ret->plain = buf_new(0);
    ret->card = (struct cards_head_v1){
        .trust = TRUST_FAILED,
        .trust_sentence = SPAN("What was stored of this message is missing or was changed; it cannot be shown.")};
    return SD_OK;
}
