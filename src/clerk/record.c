#include "clerk/record.h"

#include <string.h>

#define RECORD_VERSION 3 /* cards.def; what differs is in the card that only the keeper opens */
#define RECORD_VERSION_BEFORE 1
#define SEALED_MAX ((size_t)40 * 1024 * 1024) /* cards.def: sealed_facet */
#define SEALED_CARD_MAX (SEALED_MAX + 64)     /* and the fields around it */

static enum sd_err check_header(const struct cards_intake_header_v1 *header) {
    return header->version >= RECORD_VERSION_BEFORE && header->version <= RECORD_VERSION &&
                   header->state <= OBJECT_UNSCANNABLE && header->queue.n && header->attachments <= LIMIT_ATTACHMENTS &&
                   header->size_bytes <= INT64_MAX
               ? SD_OK
               : SD_ERR_PARSE;
}

static bool of_letter(const struct record *record, const struct object_id *object) {
    return memcmp(object->b, record->object.b, sizeof object->b) == 0;
}

static enum sd_err is_attachment(const struct record *record, const struct object_id *object, bool *ret) {
    struct object_id id;
    *ret = false;
    for (uint16_t i = 0; i < record->header.attachments && !*ret; i++) {
        enum sd_err err = attachment_object_id(&record->object, i, &id);
        if (err)
            return err;
        *ret = memcmp(id.b, object->b, sizeof id.b) == 0;
    }
    return SD_OK;
}

/* Facets that a letter has when it comes in. */
#define FACETS_OF_LETTER                                                                                                       \
    (1U << FACET_HEAD | 1U << FACET_TEXT | 1U << FACET_HTML | 1U << FACET_WORDS | 1U << FACET_SOURCE | 1U << FACET_ENVELOPE)

/* Files belong to attachments and all else, each once, to the letter: nothing may be filed under another letter's name. */
static enum sd_err check_facets(const struct record *record) {
    struct facet_walk walk = facet_walk_start(record);
    struct record_facet f;
    unsigned left = FACETS_OF_LETTER;
    while (facet_walk_next(&walk, &f)) {
        bool fits = false;
        enum sd_err err = SD_OK;
        if (f.facet == FACET_FILE)
            err = is_attachment(record, &f.object, &fits);
        else if ((unsigned)f.facet < 32) {
            fits = of_letter(record, &f.object) && left >> f.facet & 1;
            left &= ~(1U << f.facet);
        }
        if (err || !fits || f.sealed.n == 0)
            return err ? err : SD_ERR_PARSE;
    }
    return reader_end(&walk.r);
}

enum sd_err record_decode(struct span body, struct record *ret) {
    struct cards_intake_record_v1 card;
    struct record record = {0};
    enum sd_err err = cards_intake_record_v1_decode(body, NULL, &card);
    if (err == SD_OK)
        err = cards_intake_header_v1_decode(card.header, NULL, &record.header);
    if (err == SD_OK)
        err = check_header(&record.header);
    if (err)
        return err;
    record.header_bytes = card.header;
    record.sealed_card = card.sealed_card;
    record.facets = card.facets;
    memcpy(record.object.b, record.header.object.p, sizeof record.object.b);
    err = check_facets(&record);
    if (err == SD_OK)
        *ret = record;
    return err;
}

enum sd_err record_peek(struct span start, struct cards_intake_header_v1 *ret) {
    struct reader r = reader_of(start);
    struct span header = read_blob(&r, RECORD_PEEK_BYTES);
    return r.err ? r.err : cards_intake_header_v1_decode(header, NULL, ret);
}

struct facet_walk facet_walk_start(const struct record *record) {
    return (struct facet_walk){reader_of(record->facets)};
}

bool facet_walk_next(struct facet_walk *walk, struct record_facet *ret) {
    struct cards_sealed_facet_v1 card;
    if (walk->r.err || walk->r.rest.n == 0)
        return false;
    struct span bytes = read_blob(&walk->r, SEALED_CARD_MAX);
    enum sd_err err = walk->r.err ? walk->r.err : cards_sealed_facet_v1_decode(bytes, NULL, &card);
    if (err) {
        reader_fail(&walk->r, err);
        return false;
    }
    memcpy(ret->object.b, card.object.p, sizeof ret->object.b);
    ret->facet = (enum facet)card.facet;
    ret->sealed = card.sealed;
    return true;
}

uint64_t sealed_plain_bytes(struct span sealed) {
    struct reader r = reader_of(sealed);
    (void)read_u8(&r); /* the suite */
    uint64_t n = read_u64(&r);
    return r.err || n > INT64_MAX ? 0 : n;
}
