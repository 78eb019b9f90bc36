/*
 * remove.h - what is left of a message or a ticket whose keys were destroyed goes from the store: sealed bytes, receipts, and
 * rows. The bytes are noise by then; they go so that they take no space, and the rows so that nothing points at noise.
 */
#ifndef SD_STORE_REMOVE_H
#define SD_STORE_REMOVE_H

#include "store/store.h"

/* With its attachments, and its delivery if it is still to be made. The ticket counts one message less and begins with the
 * oldest that is left; with the last one it goes too. SD_ERR_NOTFOUND. */
enum sd_err message_remove(struct store *store, const struct object_id *object, int64_t now_ms) SD_MUST_CHECK;
/* With all of its messages and its history. SD_ERR_NOTFOUND. Its number is not given again. */
enum sd_err ticket_remove(struct store *store, const struct ticket_id *ticket) SD_MUST_CHECK;

#endif
