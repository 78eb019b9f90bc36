/* Whatever a client can put into a body, a cursor or a header: read, or refused, and always the same way twice. */
#include "desk/reply.h"
#include "desk/tickets_query.h"
#include "desk/timeline.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body(struct span input, struct arena *arena) {
    struct json_in *value SD_CLEANUP(in_free) = NULL;
    struct http_request request = {.body = input};
    struct field_errors errors = {0};
    struct reply_wish *wish = arena_alloc(arena, sizeof *wish);
    if (in_body(&request, &value) != SD_OK || !wish)
        return;
    if (reply_read(value, arena, wish, &errors) == SD_OK && errors.count == 0 && !span_is_utf8(wish->text))
        abort(); /* what goes on to be signed has been checked */
}

static void query(struct span input) {
    struct http_request request = {.param_count = 4};
    struct ticket_filter filter = {0};
    struct field_errors errors = {0};
    static const char *const names[] = {"cursor", "limit", "state", "queue"};
    for (size_t i = 0; i < 4; i++)
        request.params[i] = (struct http_param){span_cstr(names[i]), input};
    tickets_query(&request, &filter, &errors);
    if (errors.count == 0 && (filter.limit < 1 || filter.limit > LIMIT_LIST_ITEMS))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(16 << 20);
    struct span input = span_of(data, size);
    struct object_id id;
    if (!arena)
        return 0;
    struct timeline *t = arena_alloc(arena, sizeof *t);
    body(input, arena);
    query(input);
    if (id_from_text(input, &id) == SD_OK && size != 32)
        abort();
    if (if_match_of(input).kind == IF_MATCH_REVISION && size < 3)
        abort();
    if (t)
        timeline_add_record(t, input, arena);
    return 0;
}
