#include "keeper/opened.h"

#include <stdlib.h>
#include <string.h>

bool opened_lately(const struct keeper *k, const struct who *who, struct span object, unsigned facet) {
    int64_t now_ms = k->spec.now_ms();
    for (size_t i = 0; k->opened && i < OPENED_MAX; i++) {
        const struct opened *o = &k->opened[i];
        if (o->at_ms && o->facet == facet && now_ms >= o->at_ms && now_ms - o->at_ms < OPENED_AGAIN_MS &&
            memcmp(o->session, who->session, ID_BYTES) == 0 && span_eq(span_of(o->object, ID_BYTES), object))
            return true;
    }
    return false;
}

static bool has_file(unsigned facet) {
    return facet == FACET_FILE || facet == FACET_SOURCE || facet == FACET_PREVIEW;
}

enum sd_err opened_settle(struct keeper *k, struct span object) {
    struct query q = db_query(k->db, SQL_OBJECT_OPENED);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, object);
    return query_run(&q);
}

enum sd_err opened_replay(struct keeper *k, struct span record) {
    struct leaf_opening opening;
    if (!leaf_opened(record, &opening) || !has_file(opening.facet))
        return SD_OK;
    return opened_settle(k, span_of(opening.object, ID_BYTES));
}

void opened_note(struct keeper *k, const struct who *who, struct span object, unsigned facet) {
    if (!has_file(facet) || object.n != ID_BYTES)
        return;
    if (!k->opened)
        k->opened = calloc(OPENED_MAX, sizeof *k->opened);
    if (!k->opened)
        return; /* then it is charged again */
    struct opened *o = &k->opened[k->opened_victim++ % OPENED_MAX];
    *o = (struct opened){.facet = (uint8_t)facet, .at_ms = k->spec.now_ms()};
    memcpy(o->session, who->session, ID_BYTES);
    memcpy(o->person, who->person, ID_BYTES);
    memcpy(o->object, object.p, ID_BYTES);
}

void opened_free(struct keeper *k) {
    free(k->opened);
    k->opened = NULL;
}
