#include "courier/receipt.h"

#include "core/ipc/cards.h"

enum sd_err receipt_seal(const struct delivery_recipient *recipient, int64_t at_ms, struct span receipt_key,
                         const struct object_id *object, struct buf *to) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_card_new(RECEIPT_SEALED_BYTES);
    struct cards_receipt_v1 card = {
        .at_ms = at_ms,
        .recipient = recipient->address,
        .host = span_sub(recipient->host, 0, 255),
        .tls = span_cstr(recipient->tls),
        .certificate_valid = recipient->certificate_valid,
        .code = (uint16_t)recipient->reply.code,
        .text = span_of(recipient->reply.text, recipient->reply.text_bytes),
    };
    enum sd_err err = cards_receipt_v1_encode(&out, &card);
    return err ? err : seal_facet(receipt_key, object, FACET_RECEIPT, buf_span(&out.body), to);
}

static void settle(struct delivery *delivery, const struct cards_receipt_v1 *card) {
    struct smtp_reply reply;
    reply_stored(&reply, card->code, card->text);
    if (reply_class(&reply) != 2 && reply_class(&reply) != 5)
        return;
    for (size_t i = 0; i < delivery->count; i++) {
        struct delivery_recipient *r = &delivery->recipients[i];
        if (!span_eq(r->address, card->recipient) || r->settled)
            continue;
        r->settled = true;
        r->reply = reply;
    }
}

enum sd_err receipt_apply(struct span sealed, struct span receipt_key, const struct object_id *object,
                          struct delivery *delivery) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(RECEIPT_SEALED_BYTES);
    struct cards_receipt_v1 card;
    enum sd_err err = open_facet(receipt_key, object, FACET_RECEIPT, sealed, RECEIPT_SEALED_BYTES, &plain);
    if (err == SD_OK)
        err = cards_receipt_v1_decode(buf_span(&plain), NULL, &card);
    if (err == SD_OK)
        settle(delivery, &card);
    return err;
}
