/* ticket_find.h - the ticket that the path names, if it is in a queue of this person. */
#ifndef SD_DESK_TICKET_FIND_H
#define SD_DESK_TICKET_FIND_H

#include "desk/desk.h"
#include "store/ticket.h"

/* SD_ERR_NOTFOUND: malformed, not there, or not this person's. The row is for display; the keeper decides for itself. */
enum sd_err ticket_find(struct desk *desk, struct exchange *x, struct ticket_row *ret) SD_MUST_CHECK;

/* The id that the path names; SD_ERR_NOTFOUND when it is none. */
enum sd_err path_id(const struct exchange *x, struct object_id *ret) SD_MUST_CHECK;

#endif
