#include "edge/seal_letter.h"

#include "auth/auth.h"
#include "edge/card_sealer.h"
#include "edge/intake.h"

#define CARD_VERSION 3                       /* of the adoption card, cards.def */
#define FACET_MAX ((size_t)26 * 1024 * 1024) /* cards.def: PAYLOAD of a facet */

struct facet_iter {
    struct reader r;
};

/* SD_OK with *ret, SD_ERR_NOTFOUND past the last, SD_ERR_PARSE. */
static enum sd_err next_facet(struct facet_iter *iter, struct cards_facet_v1 *ret) {
    if (iter->r.rest.n == 0)
        return SD_ERR_NOTFOUND;
    struct span blob = read_blob(&iter->r, FACET_MAX + 64);
    return iter->r.err || cards_facet_v1_decode(blob, NULL, ret) ? SD_ERR_PARSE : SD_OK;
}

enum sd_err letter_check(const struct letter *letter) {
    struct facet_iter iter = {reader_of(letter->facets)};
    struct cards_facet_v1 facet;
    unsigned heads = 0, texts = 0, pages = 0, files = 0, others = 0;
    enum sd_err err;
    while ((err = next_facet(&iter, &facet)) == SD_OK) {
        heads += facet.facet == FACET_HEAD;
        texts += facet.facet == FACET_TEXT;
        pages += facet.facet == FACET_HTML;
        if (facet.facet == FACET_FILE)
            others += facet.index != files++;
        else
            others += facet.index != 0 || (facet.facet != FACET_HEAD && facet.facet != FACET_TEXT && facet.facet != FACET_HTML);
    }
    bool well = err == SD_ERR_NOTFOUND && heads == 1 && texts == 1 && pages <= 1 && others == 0 &&
                files == letter->attachments && letter->attachments <= LIMIT_ATTACHMENTS;
    return well ? SD_OK : SD_ERR_PARSE;
}

/* ---- one record ---- */

/* The fields that grow with the attachments; the keys in them are wiped with the buffers. */
struct adoption {
    struct secret object_key;
    struct object_id object;
    struct ipc_list keys, digests;
    struct buf keys_raw, digests_raw;
};

static void adoption_free(struct adoption *a) {
    secret_free(&a->object_key);
    buf_free(&a->keys_raw);
    buf_free(&a->digests_raw);
}

/* A key and a digest per attachment: each is an object of its own, whose id follows from the letter's and whose key does not.
 */
static enum sd_err add_attachment(struct adoption *a, struct span content) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct sha256 digest;
    enum sd_err err = secret_random(KEY_BYTES, &key);
    if (err == SD_OK)
        err = crypt_sha256(content, &digest);
    if (err)
        return err;
    ipc_list_add(&a->keys, &a->keys_raw, secret_span(&key));
    ipc_list_add(&a->digests, &a->digests_raw, span_of(digest.b, sizeof digest.b));
    return SD_OK;
}

static enum sd_err adoption_new(const struct letter *letter, struct adoption *a) {
    struct facet_iter iter = {reader_of(letter->facets)};
    struct cards_facet_v1 facet;
    *a = (struct adoption){.keys_raw = buf_new(LIMIT_ATTACHMENTS * (KEY_BYTES + 4)),
                           .digests_raw = buf_new(LIMIT_ATTACHMENTS * (SHA256_BYTES + 4))};
    random_bytes(a->object.b, sizeof a->object.b);
    enum sd_err err = secret_random(KEY_BYTES, &a->object_key);
    while (err == SD_OK && letter->attachments && (err = next_facet(&iter, &facet)) == SD_OK)
        if (facet.facet == FACET_FILE)
            err = add_attachment(a, facet.content);
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

static void patch_u32(struct buf *b, size_t at, size_t value) {
    if (value > UINT32_MAX)
        buf_fail(b, SD_ERR_LIMIT);
    for (size_t i = 0; i < 4 && !b->err; i++)
        b->p[at + i] = (uint8_t)(value >> (8 * i));
}

/*
 * One cards_sealed_facet_v1 as a blob, sealed in place: what its encoder would write (the test decodes it), without the three
 * copies of a large letter on the way.
 */
static enum sd_err put_sealed(struct buf *to, struct span object_key, const struct object_id *object, enum facet facet,
                              struct span plain) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = facet_key(object_key, facet, &key);
    size_t blob_at = to->n;
    if (err)
        return err;
    buf_u32(to, 0);
    buf_put(to, span_of(object->b, sizeof object->b));
    buf_u8(to, (uint8_t)facet);
    buf_u8(to, 0); /* an inline payload */
    size_t payload_at = to->n;
    buf_u32(to, 0);
    size_t sealed_at = to->n;
    err = seal_facet(secret_span(&key), object, facet, plain, to);
    if (err)
        return err;
    patch_u32(to, payload_at, to->n - sealed_at);
    patch_u32(to, blob_at, to->n - blob_at - 4);
    return buf_err(to);
}

/* keys: those of the attachments that are still to come. */
static enum sd_err put_file(struct buf *to, const struct adoption *a, const struct cards_facet_v1 *file,
                            struct ipc_list_iter *keys) {
    struct object_id object;
    struct span key;
    if (!ipc_list_next(keys, &key))
        return SD_ERR_BUG;
    enum sd_err err = attachment_object_id(&a->object, file->index, &object);
    return err ? err : put_sealed(to, key, &object, FACET_FILE, file->content);
}

static enum sd_err put_facets(struct buf *to, const struct adoption *a, const struct letter *letter) {
    struct facet_iter iter = {reader_of(letter->facets)};
    struct ipc_list_iter keys = ipc_list_start(a->keys);
    struct cards_facet_v1 facet;
    struct span object_key = secret_span(&a->object_key);
    enum sd_err err;
    while ((err = next_facet(&iter, &facet)) == SD_OK) {
        err = facet.facet == FACET_FILE ? put_file(to, a, &facet, &keys)
                                        : put_sealed(to, object_key, &a->object, (enum facet)facet.facet, facet.content);
        if (err)
            return err;
    }
    return err == SD_ERR_NOTFOUND ? put_sealed(to, object_key, &a->object, FACET_SOURCE, letter->source) : err;
}

static enum sd_err put_header(const struct letter *letter, const struct intake_key *key, const struct adoption *a,
                              struct span queue, struct ipc_out *to) {
    struct cards_intake_header_v1 header = {.version = CARD_VERSION,
                                            .object = span_of(a->object.b, sizeof a->object.b),
                                            .key_id = span_of(key->id, sizeof key->id),
                                            .queue = queue,
                                            .disposition = letter->disposition,
                                            .trust = letter->trust,
                                            .state = letter->state,
                                            .received_ms = letter->received_ms,
                                            .attachments = letter->attachments,
                                            .size_bytes = letter->source.n};
    return cards_intake_header_v1_encode(to, &header);
}

/* Appends the adoption card, sealed so that it opens only together with this header. */
static enum sd_err put_card(const struct letter *letter, const struct intake_key *key, const struct adoption *a,
                            struct ipc_list tokens, struct span header, struct buf *to) {
    struct ipc_out plain SD_CLEANUP(ipc_out_free) = ipc_card_new(64 * 1024);
    struct cards_adoption_v3 card = {.object_key = secret_span(&a->object_key),
                                     .attachment_keys = a->keys,
                                     .source_digest = span_of(letter->source_digest.b, SHA256_BYTES),
                                     .attachment_digests = a->digests,
                                     .from_address = letter->from_address,
                                     .message_id_hash = letter->message_id_hash,
                                     .reference_hashes = letter->reference_hashes,
                                     .tokens = tokens,
                                     .automatic = letter->automatic,
                                     .signals = letter->signals,
                                     .weight = letter->weight,
                                     .trust_domain = letter->trust_domain,
                                     .contact_domain = letter->contact_domain,
                                     .contact_name = letter->contact_name,
                                     .contact_looks = letter->contact_looks,
                                     .people = letter->people,
                                     .tls = letter->tls,
                                     .letter_digest = span_of(letter->letter_digest.b, SHA256_BYTES)};
    enum sd_err err = cards_adoption_v3_encode(&plain, &card);
    return err ? err : card_seal(key, header, buf_span(&plain.body), to);
}

/* cards_intake_record_v1: header, sealed card, facets; the facets, which may be large, are sealed where they belong. */
static enum sd_err put_record(const struct letter *letter, const struct intake_key *key, const struct adoption *a,
                              struct span queue, struct ipc_list tokens, struct buf *to) {
    struct ipc_out header SD_CLEANUP(ipc_out_free) = ipc_card_new(1024);
    enum sd_err err = put_header(letter, key, a, queue, &header);
    if (err)
        return err;
    buf_blob(to, buf_span(&header.body));
    size_t card_at = to->n;
    buf_u32(to, 0);
    err = put_card(letter, key, a, tokens, buf_span(&header.body), to);
    if (err)
        return err;
    patch_u32(to, card_at, to->n - card_at - 4);
    buf_u8(to, 0); /* an inline payload */
    size_t facets_at = to->n;
    buf_u32(to, 0);
    err = put_facets(to, a, letter);
    if (err)
        return err;
    patch_u32(to, facets_at, to->n - facets_at - 4);
    return buf_err(to);
}

enum sd_err seal_letter(const struct letter *letter, const struct intake_key *key, struct span queue, struct ipc_list tokens,
                        struct buf *to) {
    struct adoption a SD_CLEANUP(adoption_free) = {0};
    enum sd_err err = adoption_new(letter, &a);
    if (err)
        return err;
    struct intake_frame frame = intake_frame_begin(to);
    err = put_record(letter, key, &a, queue, tokens, to);
    intake_frame_end(to, frame);
    return err ? err : buf_err(to);
}

/* ---- a letter nobody could parse ---- */

static void put_facet(struct buf *to, enum facet facet, struct span content) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_card_new(64 * 1024);
    enum sd_err err = cards_facet_v1_encode(&out, &(struct cards_facet_v1){.facet = (uint8_t)facet, .content = content});
    if (err)
        buf_fail(to, err);
    else
        buf_blob(to, buf_span(&out.body));
}

enum sd_err put_unparsed_facets(struct buf *to) {
    struct ipc_out head SD_CLEANUP(ipc_out_free) = ipc_card_new(64 * 1024);
    struct cards_head_v1 card = {.trust = TRUST_FAILED,
                                 .trust_sentence = SPAN("Not verified: the letter could not be parsed safely"),
                                 .checks = SPAN("{}"),
                                 .signals = SPAN("[]"),
                                 .ambiguities = SPAN("[]"),
                                 .disposition_reason = SPAN("the letter could not be parsed safely")};
    enum sd_err err = cards_head_v1_encode(&head, &card);
    if (err)
        return err;
    put_facet(to, FACET_HEAD, buf_span(&head.body));
    put_facet(to, FACET_TEXT, SPAN_NONE);
    return buf_err(to);
}
