/*
 * reading.h - from a row of the store to words: the keeper's key, the sealed bytes, the open card. Two steps, because nothing
 * else may be asked while a store connection is held: first keys, then bytes.
 */
#ifndef SD_DESK_READING_H
#define SD_DESK_READING_H

#include "core/ipc/cards.h"
#include "crypt/seal.h"
#include "desk/desk.h"

#define HEAD_PLAIN_MAX ((size_t)768 * 1024)           /* every field of cards_head_v1 at its own maximum */
#define SOURCE_PLAIN_MAX ((size_t)26 * 1024 * 1024)   /* LIMIT_MESSAGE_BYTES and what the edge put on top */
#define FILE_PLAIN_MAX SOURCE_PLAIN_MAX               /* an attachment is smaller than its letter */
#define PREVIEW_PLAIN_MAX ((size_t)121 * 1024 * 1024) /* cards_preview_v1: 120 MiB of pictures, and what is said of them */
#define SEALED_EXTRA ((size_t)64 * 1024)              /* sealing adds a header and a tag per chunk */

struct keys {
    struct span keys[LIMIT_LIST_ITEMS]; /* KEY_BYTES each, in the exchange's arena; empty: may not */
    size_t count;
};

/* Head keys of at most LIMIT_LIST_ITEMS objects, in one request and one record of the log. */
enum sd_err read_head_keys(struct desk *desk, struct exchange *x, const struct object_id *objects, size_t count,
                           struct keys *ret) SD_MUST_CHECK;

/* The key of one facet, on the record. The key is in the exchange's arena; ret_ticket (may be NULL): whose it is, by the
 * keeper. */
enum sd_err read_key(struct desk *desk, struct exchange *x, const struct object_id *object, enum facet facet,
                     struct span *ret_key, struct ticket_id *ret_ticket) SD_MUST_CHECK;

/* The key of an attachment's content, on the record, and what the keeper knows that content to be. */
enum sd_err read_file_key(struct desk *desk, struct exchange *x, const struct object_id *object, struct span *ret_key,
                          struct sha256 *ret_digest) SD_MUST_CHECK;

/* Appends the facet's plain bytes. */
enum sd_err read_facet(struct store *store, const struct object_id *object, enum facet facet, struct span key, size_t plain_max,
                       struct buf *to) SD_MUST_CHECK;

/* A head card; its spans live as long as it. */
struct head {
    struct buf plain;
    struct cards_head_v1 card;
};
void head_free(struct head *head);
enum sd_err read_head(struct store *store, const struct object_id *object, struct span key, struct head *ret) SD_MUST_CHECK;
/* For lists: a head whose bytes are gone or were changed becomes a card that says so, because one damaged row must not hide the
 * others. Errors are ours only. */
enum sd_err read_head_or_say(struct store *store, const struct object_id *object, struct span key,
                             struct head *ret) SD_MUST_CHECK;

#endif
