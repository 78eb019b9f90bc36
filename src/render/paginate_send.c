#include "render/paginate.h"

#include <stdlib.h>
#include <unistd.h>

static void put(const void *bytes, size_t n) {
    if (fwrite(bytes, 1, n, stdout) != n)
        _exit(3);
}

static void put_number(uint32_t v, int bytes) {
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(v >> (8 * i));
        put(&byte, 1);
    }
}

bool send_page(struct paginate *p, uint32_t width, uint32_t height) {
    if (p->pages >= p->pages_max) {
        p->more = true;
        return false;
    }
    p->pages++;
    put("P", 1);
    put_number(width, 2);
    put_number(height, 2);
    return true;
}

void send_rows(const void *rgb, size_t n) {
    put(rgb, n);
}

void send_end(const struct paginate *p, enum show_reason reason) {
    put("E", 1);
    put_number((uint32_t)reason, 1);
    put_number(p->total >= p->pages ? p->total : 0, 4);
    put_number(p->more, 1);
    if (fflush(stdout) != 0)
        _exit(3);
}
