#include "files/zip.h"

#define END_BYTES 22
#define END_WITHIN ((size_t)65535 + END_BYTES + 4096) /* comment at its longest, and what may be appended */
#define LOCAL_BYTES 30
#define CENTRAL_BYTES 46
#define LOCATOR64_BYTES 20
#define LOCAL SPAN("PK\x03\x04")
#define CENTRAL SPAN("PK\x01\x02")
#define FLAG_ENCRYPTED 1
#define FLAG_DESCRIPTOR 8 /* sizes stand behind the content */
#define FLAG_MASKED 0x2000
#define METHOD_AES 99
#define MADE_BY_UNIX 3
#define MADE_BY_MAC 19
#define EXTRA_ZIP64 0x0001
#define EXTRA_UNICODE_NAME 0x7075

static bool has(struct span s, size_t at, struct span what) {
    return span_eq(span_sub(s, at, what.n), what);
}

struct end {
    uint64_t count, size, offset;
    size_t at, end;
};

static void read_end64(struct span bytes, struct end *end) {
    if (end->at < LOCATOR64_BYTES || !has(bytes, end->at - LOCATOR64_BYTES, SPAN("PK\x06\x07")))
        return;
    struct reader locator = reader_of(span_from(bytes, end->at - LOCATOR64_BYTES + 8));
    uint64_t at = read_u64(&locator);
    size_t near = end->at - LOCATOR64_BYTES;
    if (at > bytes.n || !has(bytes, (size_t)at, SPAN("PK\x06\x06")))
        at = near >= 56 ? near - 56 : 0; /* something stands before the archive */
    if (!has(bytes, (size_t)at, SPAN("PK\x06\x06")))
        return;
    struct reader r = reader_of(span_from(bytes, (size_t)at + 32));
    end->count = read_u64(&r);
    end->size = read_u64(&r);
    end->offset = read_u64(&r);
    end->at = (size_t)at;
}

static struct end read_end(struct span bytes, size_t at) {
    struct reader r = reader_of(span_from(bytes, at + 10));
    struct end end = {.at = at};
    end.count = read_u16(&r);
    end.size = read_u32(&r);
    end.offset = read_u32(&r);
    end.end = at + END_BYTES + read_u16(&r);
    if (end.count == UINT16_MAX || end.size == UINT32_MAX || end.offset == UINT32_MAX)
        read_end64(bytes, &end);
    return end;
}

/* Offsets count from the archive's beginning, which is the file's unless something was put before it. */
static bool place(struct span bytes, const struct end *end, struct zip *zip) {
    if (end->size > end->at)
        return false;
    size_t directory = end->at - (size_t)end->size;
    if (end->count == 0)
        directory = end->at;
    else if (!has(bytes, directory, CENTRAL)) {
        if (end->offset > bytes.n || !has(bytes, (size_t)end->offset, CENTRAL))
            return false;
        directory = (size_t)end->offset;
    }
    *zip = (struct zip){.bytes = bytes,
                        .base = directory >= end->offset ? directory - (size_t)end->offset : 0,
                        .directory_at = directory,
                        .directory_end = end->at,
                        .tail = end->end < bytes.n ? bytes.n - end->end : 0,
                        .count = end->count,
                        .at = directory};
    return true;
}

bool zip_open(struct span bytes, struct zip *ret) {
    size_t first = bytes.n > END_WITHIN ? bytes.n - END_WITHIN : 0;
    struct span rest = span_from(bytes, first);
    while (rest.n >= END_BYTES) {
        const uint8_t *p = memrchr(rest.p, 'P', rest.n - END_BYTES + 1);
        if (!p)
            return false;
        size_t at = (size_t)(p - bytes.p);
        if (has(bytes, at, SPAN("PK\x05\x06"))) {
            struct end end = read_end(bytes, at);
            if (place(bytes, &end, ret))
                return true;
        }
        rest.n = (size_t)(p - rest.p) + END_BYTES - 1;
    }
    return false;
}

/* Extra fields of the directory's entry: sizes beyond 32 bits, and another name. */
static uint64_t read_extra(struct span extra, struct zip_entry *entry, uint64_t offset) {
    struct reader r = reader_of(extra);
    while (r.rest.n >= 4) {
        uint16_t id = read_u16(&r);
        uint16_t n = read_u16(&r);
        struct span field = span_sub(r.rest, 0, n);
        struct reader f = reader_of(field);
        (void)read_bytes(&r, n);
        if (id == EXTRA_ZIP64) {
            entry->size = entry->size == UINT32_MAX ? read_u64(&f) : entry->size;
            entry->packed_size = entry->packed_size == UINT32_MAX ? read_u64(&f) : entry->packed_size;
            offset = offset == UINT32_MAX ? read_u64(&f) : offset;
        }
        if (id == EXTRA_UNICODE_NAME && field.n > 5 && !span_eq(span_from(field, 5), entry->name))
            entry->other_name = span_from(field, 5);
        if (r.err)
            break;
    }
    return offset;
}

/* The local header: where the content begins, and whether it tells the same. */
static void read_local(const struct zip *zip, uint64_t offset, struct zip_entry *entry) {
    size_t at;
    if (__builtin_add_overflow(zip->base, offset, &at) || !has(zip->bytes, at, LOCAL)) {
        entry->broken = true;
        return;
    }
    struct reader r = reader_of(span_from(zip->bytes, at + 6));
    uint16_t flags = read_u16(&r);
    uint16_t method = read_u16(&r);
    (void)read_bytes(&r, 4);
    (void)read_u32(&r);
    uint32_t packed_size = read_u32(&r);
    uint32_t size = read_u32(&r);
    uint16_t name = read_u16(&r);
    uint16_t extra = read_u16(&r);
    struct span local_name = read_bytes(&r, name);
    (void)read_bytes(&r, extra);
    bool sized = !(flags & FLAG_DESCRIPTOR) && size != UINT32_MAX && packed_size != UINT32_MAX;
    entry->packed = span_sub(r.rest, 0, entry->packed_size < SIZE_MAX ? (size_t)entry->packed_size : SIZE_MAX);
    entry->broken = r.err != SD_OK || entry->packed.n < entry->packed_size;
    entry->whole = span_sub(zip->bytes, at, (size_t)(LOCAL_BYTES + name + extra) + entry->packed.n);
    if (flags & FLAG_MASKED)
        return;
    entry->ambiguous = method != entry->method || (flags & FLAG_ENCRYPTED) != (entry->flags & FLAG_ENCRYPTED) ||
                       (sized && (size != entry->size || packed_size != entry->packed_size));
    if (!span_eq(local_name, entry->name)) {
        entry->ambiguous = true;
        entry->other_name = local_name;
    }
}

bool zip_next(struct zip *zip, struct zip_entry *ret) {
    if (zip->at >= zip->directory_end || !has(zip->bytes, zip->at, CENTRAL))
        return false;
    struct reader r = reader_of(span_from(zip->bytes, zip->at + 4));
    struct zip_entry entry = {.mode = 0};
    uint16_t made_by = read_u16(&r);
    (void)read_u16(&r);
    entry.flags = read_u16(&r);
    entry.method = read_u16(&r);
    entry.time = read_u16(&r);
    entry.date = read_u16(&r);
    entry.crc = read_u32(&r);
    entry.packed_size = read_u32(&r);
    entry.size = read_u32(&r);
    uint16_t name = read_u16(&r), extra = read_u16(&r), comment = read_u16(&r);
    (void)read_bytes(&r, 4);
    uint32_t attributes = read_u32(&r);
    uint64_t offset = read_u32(&r);
    entry.name = read_bytes(&r, name);
    struct span fields = read_bytes(&r, extra);
    (void)read_bytes(&r, comment);
    if (r.err)
        return false;
    if (made_by >> 8 == MADE_BY_UNIX || made_by >> 8 == MADE_BY_MAC)
        entry.mode = attributes >> 16;
    offset = read_extra(fields, &entry, offset);
    read_local(zip, offset, &entry);
    zip->at += (size_t)CENTRAL_BYTES + name + extra + comment;
    *ret = entry;
    return true;
}

bool zip_is_encrypted(const struct zip_entry *entry) {
    return (entry->flags & (FLAG_ENCRYPTED | FLAG_MASKED)) || entry->method == METHOD_AES;
}
