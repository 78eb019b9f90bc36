/* Unpacking under the budget: how much of a container came out, and deflate. */
#include <string.h>
#include <zlib.h>

#include "files/judge.h"

#define STEP_BYTES ((size_t)64 * 1024) /* between looks at the clock */

bool unpacking_grew(struct unpacking *u, uint64_t bytes) {
    u->unpacked += bytes;
    if (!judge_unpacked(u->judge, bytes))
        return false;
    if (u->unpacked > FILES_RATIO_FROM && u->unpacked / u->judge->budget->ratio > u->packed) {
        judge_found(u->judge, FINDING_BIT(LIMIT_SIZE));
        return false;
    }
    return judge_goes_on(u->judge);
}

uint64_t unpacking_room(const struct unpacking *u) {
    uint64_t left = u->judge->budget->bytes_left, by_ratio;
    if (__builtin_mul_overflow(u->packed + 1, (uint64_t)u->judge->budget->ratio + 1, &by_ratio))
        return left;
    by_ratio = by_ratio > FILES_RATIO_FROM ? by_ratio : FILES_RATIO_FROM;
    return left < by_ratio ? left : by_ratio;
}

void unpacking_failed(struct unpacking *u, const struct buf *to) {
    if (buf_err(to) == SD_ERR_LIMIT)
        judge_found(u->judge, FINDING_BIT(LIMIT_SIZE));
    else if (buf_err(to) != SD_OK)
        judge_fail(u->judge, buf_err(to));
}

/* One step: fills what is free of `to`. Z_OK, Z_STREAM_END, or that it is over. */
static int inflate_step(struct unpacking *u, z_stream *z, struct buf *to) {
    uint8_t *p = buf_reserve(to, STEP_BYTES);
    if (!p) {
        unpacking_failed(u, to);
        return Z_BUF_ERROR;
    }
    z->next_out = p;
    z->avail_out = (uInt)STEP_BYTES;
    int status = inflate(z, Z_NO_FLUSH);
    size_t got = STEP_BYTES - z->avail_out;
    buf_grew(to, got);
    if (!unpacking_grew(u, got))
        return Z_BUF_ERROR;
    return status == Z_OK && got == 0 && z->avail_in == 0 ? Z_BUF_ERROR : status;
}

bool unpacking_inflate(struct unpacking *u, struct span packed, enum inflate_kind kind, struct buf *to) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    if (packed.n > UINT32_MAX || inflateInit2(&z, kind == INFLATE_RAW ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
        judge_fail(u->judge, SD_ERR_NOMEM);
        return false;
    }
    int status = Z_OK;
    while (status == Z_OK)
        status = inflate_step(u, &z, to);
    (void)inflateEnd(&z);
    return status == Z_STREAM_END;
}
