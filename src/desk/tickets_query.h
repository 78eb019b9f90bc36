/* tickets_query.h - what a list of tickets may be asked for: filters and the cursor that the page before gave. */
#ifndef SD_DESK_TICKETS_QUERY_H
#define SD_DESK_TICKETS_QUERY_H

#include "desk/problem.h"
#include "store/ticket.h"

/* Fills limit, state, queue and after; wrong parameters go to errors. */
void tickets_query(const struct http_request *request, struct ticket_filter *filter, struct field_errors *errors);
/* Opaque to clients: where the page behind this row begins. */
struct span cursor_text(const struct ticket_row *row, struct arena *arena);

#endif
