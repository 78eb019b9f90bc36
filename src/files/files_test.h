/* files_test.h - what the tests of this folder share: one database, a judgement in a line, archives made as they go. */
#ifndef SD_FILES_FILES_TEST_H
#define SD_FILES_FILES_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files/files.h"

static struct files *files;

static inline int setup_files(void **state) {
    (void)state;
    return files_new(&files) == SD_OK ? 0 : -1;
}

static inline int drop_files(void **state) {
    (void)state;
    files_free(&files);
    return 0;
}

/* Of bytes in memory of exactly their size, so that a read outside is seen by ASan. */
static inline uint64_t judged_within(struct files_budget *budget, const struct files_subject *subject) {
    struct files_subject s = *subject;
    uint8_t *bytes = malloc(s.content.n ? s.content.n : 1);
    uint64_t findings = 0;
    assert_non_null(bytes);
    if (s.content.n)
        memcpy(bytes, s.content.p, s.content.n);
    s.content = span_of(bytes, s.content.n);
    assert_int_equal(files_judge(files, budget, &s, &findings), SD_OK);
    free(bytes);
    return findings;
}

static inline uint64_t judged(const char *name, const char *type, struct span content) {
    struct files_budget budget = files_budget_default();
    return judged_within(&budget,
                         &(struct files_subject){.content = content, .name = span_cstr(name), .type = span_cstr(type)});
}

static inline void explain(const char *what, uint64_t findings) {
    print_message("%s:", what);
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (findings >> i & 1)
            print_message(" %s", finding_text(i));
    print_message("\n");
}

/* These are among the findings. */
static inline void assert_has(uint64_t findings, uint64_t expected) {
    if ((findings & expected) == expected)
        return;
    explain("found", findings);
    explain("expected", expected);
    fail();
}

static inline void assert_exactly(uint64_t findings, uint64_t expected) {
    if (findings == expected)
        return;
    explain("found", findings);
    explain("expected", expected);
    fail();
}

/* A zip file of stored entries, as the tests want it. */
struct zip_maker {
    struct buf bytes, directory;
    unsigned count;
};

static inline struct zip_maker zip_maker_new(void) {
    return (struct zip_maker){.bytes = buf_new((size_t)64 * 1024 * 1024), .directory = buf_new((size_t)16 * 1024 * 1024)};
}

static inline void zip_maker_free(struct zip_maker *z) {
    buf_free(&z->bytes);
    buf_free(&z->directory);
}

static inline uint32_t plain_crc32(struct span s) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

/* What of an entry is out of the ordinary. */
struct zip_oddity {
    uint16_t flags, method;
    uint32_t mode;
    const char *local_name; /* NULL: the same */
    uint32_t size;          /* 0: that of the content */
};

static inline void zip_put(struct zip_maker *z, const char *name, struct span content, struct zip_oddity odd) {
    struct span local = span_cstr(odd.local_name ? odd.local_name : name), central = span_cstr(name);
    uint32_t crc = plain_crc32(content), size = odd.size ? odd.size : (uint32_t)content.n, at = (uint32_t)z->bytes.n;
    buf_text(&z->bytes, "PK\x03\x04\x14");
    buf_u8(&z->bytes, 0);
    buf_u16(&z->bytes, odd.flags);
    buf_u16(&z->bytes, odd.method);
    buf_u32(&z->bytes, 0x58000000);
    buf_u32(&z->bytes, crc);
    buf_u32(&z->bytes, (uint32_t)content.n);
    buf_u32(&z->bytes, size);
    buf_u16(&z->bytes, (uint16_t)local.n);
    buf_u16(&z->bytes, 0);
    buf_put(&z->bytes, local);
    buf_put(&z->bytes, content);
    buf_text(&z->directory, "PK\x01\x02\x14\x03\x14");
    buf_u8(&z->directory, 0);
    buf_u16(&z->directory, odd.flags);
    buf_u16(&z->directory, odd.method);
    buf_u32(&z->directory, 0x58000000);
    buf_u32(&z->directory, crc);
    buf_u32(&z->directory, (uint32_t)content.n);
    buf_u32(&z->directory, size);
    buf_u16(&z->directory, (uint16_t)central.n);
    buf_fill(&z->directory, 0, 8);
    buf_u32(&z->directory, odd.mode << 16);
    buf_u32(&z->directory, at);
    buf_put(&z->directory, central);
    z->count++;
}

static inline struct span zip_finish(struct zip_maker *z) {
    uint32_t at = (uint32_t)z->bytes.n;
    buf_put(&z->bytes, buf_span(&z->directory));
    buf_text(&z->bytes, "PK\x05\x06");
    buf_u32(&z->bytes, 0);
    buf_u16(&z->bytes, (uint16_t)z->count);
    buf_u16(&z->bytes, (uint16_t)z->count);
    buf_u32(&z->bytes, (uint32_t)z->directory.n);
    buf_u32(&z->bytes, at);
    buf_u16(&z->bytes, 0);
    assert_int_equal(buf_err(&z->bytes), SD_OK);
    return buf_span(&z->bytes);
}

#endif
