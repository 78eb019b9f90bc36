/*
 * receipt.h - what became of each recipient, sealed with the warrant's receipt key: for people, and for the next attempt, which
 * goes only to those without a final answer. A receipt that does not open counts for nothing.
 */
#ifndef SD_COURIER_RECEIPT_H
#define SD_COURIER_RECEIPT_H

#include "courier/delivery.h"
#include "crypt/seal.h"

#define RECEIPT_SEALED_BYTES (8 * 1024) /* the largest card, compressed or not, and its tags */

/* Of a recipient that was tried. */
enum sd_err receipt_seal(const struct delivery_recipient *recipient, int64_t at_ms, struct span receipt_key,
                         const struct object_id *object, struct buf *to) SD_MUST_CHECK;

/* Settles the recipients that a receipt says are done with. Those in the arena's memory. */
enum sd_err receipt_apply(struct span sealed, struct span receipt_key, const struct object_id *object,
                          struct delivery *delivery) SD_MUST_CHECK;

#endif
