#include "files/narrow.h"

struct span narrowed(struct span content, struct buf *to) {
    size_t skip = content.n > 1 && content.p[0] >= 0xfe && content.p[1] >= 0xfe ? 2 : 0;
    uint8_t *p = buf_reserve(to, content.n);
    size_t n = 0;
    if (!p)
        return content;
    for (size_t i = skip; i < content.n; i++)
        if (content.p[i] != 0)
            p[n++] = content.p[i];
    buf_grew(to, n);
    return buf_span(to);
}
