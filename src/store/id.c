#include "store/id.h"

#include <string.h>

static enum sd_err copy(struct span bytes, uint8_t *to, size_t n) {
    if (bytes.n != n)
        return SD_ERR_PARSE;
    memcpy(to, bytes.p, n);
    return SD_OK;
}

enum sd_err ticket_id_from(struct span bytes, struct ticket_id *ret) {
    return copy(bytes, ret->b, sizeof ret->b);
}

enum sd_err object_id_from(struct span bytes, struct object_id *ret) {
    return copy(bytes, ret->b, sizeof ret->b);
}

enum sd_err warrant_id_from(struct span bytes, struct warrant_id *ret) {
    return copy(bytes, ret->b, sizeof ret->b);
}

struct span ticket_id_span(const struct ticket_id *id) {
    return span_of(id->b, sizeof id->b);
}

struct span object_id_span(const struct object_id *id) {
    return span_of(id->b, sizeof id->b);
}

struct span warrant_id_span(const struct warrant_id *id) {
    return span_of(id->b, sizeof id->b);
}
