/*
 * learn.h - what the spam filter is to learn from: the events by which people took a ticket for spam or said that it is none,
 * and how far they were looked at.
 */
#ifndef SD_STORE_LEARN_H
#define SD_STORE_LEARN_H

#include "store/store.h"

struct learn_row {
    int64_t event; /* its sequence: the position once it was looked at */
    struct ticket_id ticket;
    bool spam;
};
/* The oldest event behind the position. SD_ERR_NOTFOUND. Before the first learn_position_set: nothing, ever. */
enum sd_err learn_next(struct store *store, struct learn_row *ret) SD_MUST_CHECK;
/* Once an event was looked at. */
enum sd_err learn_position_set(struct store *store, int64_t event) SD_MUST_CHECK;
/* At each start. The first time: learning begins with what happens from now on. */
enum sd_err learn_begin(struct store *store) SD_MUST_CHECK;

#endif
