/*
 * cfb.h - compound files ([MS-CFB]), bounded: the file says where everything lies, and is not believed. Inside the files
 * library.
 *
 * All directory entries are read, in the order in which they stand, whether the tree reaches them or not.
 */
#ifndef SD_FILES_CFB_H
#define SD_FILES_CFB_H

#include "core/arena.h"
#include "core/buf.h"

#define CFB_NAME_MAX 96 /* 31 UTF-16 units in UTF-8 */

enum cfb_type { CFB_NONE = 0, CFB_STORAGE = 1, CFB_STREAM = 2, CFB_ROOT = 5 };

struct cfb_entry {
    char name[CFB_NAME_MAX + 1]; /* NUL-terminated UTF-8; control characters stay, no NUL within */
    enum cfb_type type;
    uint32_t parent; /* index of its storage, CFB_NOWHERE: the tree does not reach it */
    uint32_t left, right, child;
    uint8_t clsid[16];
    uint32_t start;
    uint64_t size;
};
#define CFB_NOWHERE UINT32_MAX

struct cfb {
    struct span bytes;
    struct arena *arena;
    size_t sector, mini_sector; /* bytes */
    uint32_t mini_cutoff;
    const uint32_t *fat;
    size_t fat_count;
    const uint32_t *mini_fat;
    size_t mini_fat_count;
    struct span mini; /* the stream that holds small ones */
    struct cfb_entry *entries;
    size_t entry_count;
    bool broken; /* something is not where the file says, or more than is read */
};

/* SD_ERR_PARSE when it is none; the arena's error otherwise. Spans live as long as bytes and arena. */
enum sd_err cfb_open(struct span bytes, struct arena *arena, struct cfb *ret) SD_MUST_CHECK;
/* Appends a stream's bytes, at most max; false when it breaks off before its size or max. */
bool cfb_read(const struct cfb *cfb, const struct cfb_entry *entry, size_t max, struct buf *to);
bool cfb_is(const struct cfb_entry *entry, const char *name); /* ASCII case-insensitive */

#endif
