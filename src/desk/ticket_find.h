/* ticket_find.h - the ticket that the path names, if it is in a queue of this person. */
#ifndef SD_DESK_TICKET_FIND_H
#define SD_DESK_TICKET_FIND_H

#include "desk/desk.h"
#include "store/ticket.h"

/* SD_ERR_NOTFOUND: malformed, not there, or not this person's. The row is for display; the keeper decides for itself. */
enum sd_err ticket_find(struct desk *desk, struct exchange *x, struct ticket_row *ret) SD_MUST_CHECK;

/* The same wherever its queue is, for acts on which the keeper alone has a say. */
enum sd_err path_ticket(struct desk *desk, struct exchange *x, struct ticket_row *ret) SD_MUST_CHECK;

/* The message that the path names, if it is there: the keeper alone has a say. SD_ERR_NOTFOUND. */
enum sd_err path_message(struct desk *desk, struct exchange *x, struct object_id *ret) SD_MUST_CHECK;

/* By id, or by the number that people use. SD_ERR_NOTFOUND: none. Says nothing about whether this person may know of it. */
enum sd_err ticket_named(struct desk *desk, struct exchange *x, struct span text, struct ticket_row *ret) SD_MUST_CHECK;

/*
 * May this person know that the ticket is there? By the keeper, on the record: a ticket in one of their queues may be of a
 * category that is not theirs. Asked before anything is said about a ticket that the keeper was not asked about otherwise.
 * SD_ERR_DENIED.
 */
enum sd_err ticket_seen(struct desk *desk, struct exchange *x, const struct ticket_row *row) SD_MUST_CHECK;

/* The id that the path names; SD_ERR_NOTFOUND when it is none. */
enum sd_err path_id(const struct exchange *x, struct object_id *ret) SD_MUST_CHECK;

#endif
