/* tickets_query.h - what a list of tickets may be asked for: filters and the cursor that the page before gave. */
#ifndef SD_DESK_TICKETS_QUERY_H
#define SD_DESK_TICKETS_QUERY_H

#include "desk/problem.h"
#include "store/ticket.h"

/* What the keeper must be asked for goes beside the filter: the store knows domains by its keyed hash alone. */
struct tickets_query {
    struct ticket_filter filter; /* all but queues and domain_tag */
    struct span domain;          /* lower-case A-labels, in the arena; empty: any */
};
/* Wrong parameters go to errors. */
void tickets_query(const struct http_request *request, struct arena *arena, struct tickets_query *query,
                   struct field_errors *errors);
/* Opaque to clients: where the page behind this row begins. */
struct span cursor_text(const struct ticket_row *row, struct arena *arena);

#endif
