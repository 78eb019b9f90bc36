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

/* Each parameter alone, so that each is also read without another one's error. */
static void query(struct span input, struct arena *arena) {
    static const char *const names[] = {"cursor", "limit", "state", "queue", "trust", "signal", "domain"};
    for (size_t i = 0; i < SD_COUNT(names); i++) {
        struct http_request request = {.param_count = 1, .params = {{span_cstr(names[i]), input}}};
        struct tickets_query query = {0};
        struct field_errors errors = {0};
        tickets_query(&request, arena, &query, &errors);
        if (errors.count == 0 && (query.filter.limit < 1 || query.filter.limit > LIMIT_LIST_ITEMS ||
                                  query.filter.signal >= 64 || query.domain.n > 255 || !span_is_ascii(query.domain)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(16 << 20);
    struct span input = span_of(data, size);
    struct object_id id;
    if (!arena)
        return 0;
    struct timeline *t = arena_alloc(arena, sizeof *t);
    body(input, arena);
    query(input, arena);
    if (id_from_text(input, &id) == SD_OK && size != 32)
        abort();
    if (if_match_of(input).kind == IF_MATCH_REVISION && size < 3)
        abort();
    if (t)
        timeline_add_record(t, input, arena);
    return 0;
}
