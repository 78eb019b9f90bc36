#include "files/cfb.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 512
#define ENTRY_BYTES 128
#define FREE_SECTOR 0xffffffffU
#define MAX_REGULAR 0xfffffffaU
#define DIFAT_IN_HEADER 109
#define ENTRIES_MAX 65536 /* 8 MB of directory; large mailboxes in .msg have hundreds */

static struct span sector_at(const struct cfb *cfb, uint32_t index) {
    size_t at;
    if (index >= MAX_REGULAR || __builtin_mul_overflow((size_t)index + 1, cfb->sector, &at))
        return SPAN_NONE;
    return span_sub(cfb->bytes, at, cfb->sector);
}

static uint32_t u32_at(struct span s, size_t at) {
    struct reader r = reader_of(span_from(s, at));
    return read_u32(&r);
}

/* Sectors that the file has: no chain can be longer. */
static size_t sectors_of(const struct cfb *cfb) {
    return cfb->bytes.n / cfb->sector + 1;
}

/* Copies one sector of the FAT; *used entries are filled. */
static void read_fat_sector(struct cfb *cfb, uint32_t *fat, size_t *used, uint32_t index) {
    struct span s = sector_at(cfb, index);
    size_t per = cfb->sector / 4;
    if (*used + per > cfb->fat_count) /* of sectors that the file has not */
        return;
    if (s.n < cfb->sector) {
        cfb->broken = true;
        return;
    }
    for (size_t i = 0; i < per; i++)
        fat[(*used)++] = u32_at(s, 4 * i);
}

static bool read_fat(struct cfb *cfb) {
    size_t per = cfb->sector / 4, used = 0;
    cfb->fat_count = (sectors_of(cfb) / per + 2) * per; /* what may be needed */
    uint32_t *fat = arena_array(cfb->arena, cfb->fat_count, sizeof *fat);
    uint32_t next = u32_at(cfb->bytes, 68);
    if (!fat)
        return false;
    for (size_t i = 0; i < DIFAT_IN_HEADER; i++) {
        uint32_t index = u32_at(cfb->bytes, 76 + 4 * i);
        if (index < MAX_REGULAR)
            read_fat_sector(cfb, fat, &used, index);
    }
    for (size_t steps = 0; next < MAX_REGULAR; steps++) {
        struct span s = sector_at(cfb, next);
        if (s.n < cfb->sector || steps > sectors_of(cfb)) {
            cfb->broken = true;
            break;
        }
        for (size_t i = 0; i + 1 < per; i++)
            if (u32_at(s, 4 * i) < MAX_REGULAR)
                read_fat_sector(cfb, fat, &used, u32_at(s, 4 * i));
        next = u32_at(s, 4 * (per - 1));
    }
    cfb->fat = fat;
    cfb->fat_count = used;
    return true;
}

static uint32_t next_of(const uint32_t *fat, size_t count, uint32_t index) {
    return index < count ? fat[index] : FREE_SECTOR;
}

/* Appends the chain's sectors; false: it breaks off or goes round. */
static bool read_chain(const struct cfb *cfb, uint32_t index, uint64_t want, struct buf *to) {
    uint64_t got = 0;
    for (size_t steps = 0; got < want; steps++) {
        struct span s = sector_at(cfb, index);
        if (!s.n || steps > sectors_of(cfb))
            return false;
        struct span part = span_sub(s, 0, want - got < s.n ? (size_t)(want - got) : s.n);
        buf_put(to, part);
        got += part.n;
        if (part.n < cfb->sector && got < want)
            return false;
        index = next_of(cfb->fat, cfb->fat_count, index);
    }
    return true;
}

/* How many bytes a chain has, by its sectors. */
static uint64_t chain_bytes(const struct cfb *cfb, uint32_t index) {
    size_t steps = 0;
    while (index < MAX_REGULAR && steps < sectors_of(cfb)) {
        steps++;
        index = next_of(cfb->fat, cfb->fat_count, index);
    }
    return (uint64_t)steps * cfb->sector;
}

/* A whole chain in the arena. */
static struct span chain_in_arena(struct cfb *cfb, uint32_t index, uint64_t want) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(cfb->bytes.n + cfb->sector);
    if (want > cfb->bytes.n)
        want = cfb->bytes.n;
    if (!read_chain(cfb, index, want, &b))
        cfb->broken = true;
    return arena_span(cfb->arena, buf_span(&b));
}

static void read_name(struct span raw, size_t units, char *to) {
    size_t n = 0;
    for (size_t i = 0; i < units && i < 31 && n + 3 < CFB_NAME_MAX; i++) {
        unsigned c = raw.p[2 * i] | (unsigned)raw.p[2 * i + 1] << 8;
        if (c == 0)
            break;
        if (c < 0x80) {
            to[n++] = (char)c;
        } else if (c < 0x800) {
            to[n++] = (char)(0xc0 | c >> 6);
            to[n++] = (char)(0x80 | (c & 0x3f));
        } else {
            to[n++] = (char)(0xe0 | c >> 12);
            to[n++] = (char)(0x80 | (c >> 6 & 0x3f));
            to[n++] = (char)(0x80 | (c & 0x3f));
        }
    }
    to[n] = 0;
}

static void read_entry(struct span raw, bool wide_size, struct cfb_entry *e) {
    struct reader r = reader_of(span_from(raw, 64));
    uint16_t name_bytes = read_u16(&r);
    read_name(raw, name_bytes / 2, e->name);
    uint8_t type = read_u8(&r);
    e->type = type == CFB_STORAGE || type == CFB_STREAM || type == CFB_ROOT ? (enum cfb_type)type : CFB_NONE;
    (void)read_u8(&r);
    e->left = read_u32(&r);
    e->right = read_u32(&r);
    e->child = read_u32(&r);
    struct span clsid = read_bytes(&r, sizeof e->clsid);
    if (clsid.n)
        memcpy(e->clsid, clsid.p, clsid.n);
    (void)read_bytes(&r, 20);
    e->start = read_u32(&r);
    e->size = read_u64(&r);
    if (!wide_size)
        e->size &= UINT32_MAX;
    e->parent = CFB_NOWHERE;
}

/* Gives every entry that the tree reaches its parent, each once. */
static void read_tree(struct cfb *cfb) {
    uint32_t *pending = arena_array(cfb->arena, cfb->entry_count * 3 + 1, sizeof *pending);
    uint32_t *owners = arena_array(cfb->arena, cfb->entry_count * 3 + 1, sizeof *owners);
    bool *seen = arena_array(cfb->arena, cfb->entry_count + 1, sizeof *seen);
    size_t n = 0;
    if (!pending || !owners || !seen || !cfb->entry_count)
        return;
    seen[0] = true;
    pending[n] = cfb->entries[0].child;
    owners[n++] = 0;
    while (n > 0) {
        uint32_t index = pending[--n], owner = owners[n];
        if (index >= cfb->entry_count || seen[index])
            continue;
        struct cfb_entry *e = &cfb->entries[index];
        seen[index] = true;
        e->parent = owner;
        const uint32_t next[] = {e->left, e->right, e->child};
        for (size_t i = 0; i < SD_COUNT(next); i++) {
            pending[n] = next[i];
            owners[n++] = i == 2 ? index : owner;
        }
    }
}

static bool read_directory(struct cfb *cfb, bool wide_size) {
    uint32_t start = u32_at(cfb->bytes, 48);
    struct span directory = chain_in_arena(cfb, start, chain_bytes(cfb, start));
    cfb->entry_count = directory.n / ENTRY_BYTES;
    if (cfb->entry_count > ENTRIES_MAX) {
        cfb->entry_count = ENTRIES_MAX;
        cfb->broken = true;
    }
    cfb->entries = arena_array(cfb->arena, cfb->entry_count + 1, sizeof *cfb->entries);
    if (!cfb->entries)
        return false;
    for (size_t i = 0; i < cfb->entry_count; i++)
        read_entry(span_sub(directory, i * ENTRY_BYTES, ENTRY_BYTES), wide_size, &cfb->entries[i]);
    read_tree(cfb);
    return cfb->entry_count > 0;
}

static bool read_mini(struct cfb *cfb) {
    uint32_t start = u32_at(cfb->bytes, 60);
    if (cfb->entries[0].type == CFB_ROOT && cfb->entries[0].size)
        cfb->mini = chain_in_arena(cfb, cfb->entries[0].start, cfb->entries[0].size);
    if (start >= MAX_REGULAR)
        return true;
    struct span table = chain_in_arena(cfb, start, chain_bytes(cfb, start));
    uint32_t *fat = arena_array(cfb->arena, table.n / 4 + 1, sizeof *fat);
    if (!fat)
        return false;
    cfb->mini_fat_count = table.n / 4;
    for (size_t i = 0; i < cfb->mini_fat_count; i++)
        fat[i] = u32_at(table, 4 * i);
    cfb->mini_fat = fat;
    return true;
}

enum sd_err cfb_open(struct span bytes, struct arena *arena, struct cfb *ret) {
    struct reader r = reader_of(span_from(bytes, 26));
    uint16_t version = read_u16(&r);
    (void)read_u16(&r);
    uint16_t shift = read_u16(&r), mini_shift = read_u16(&r);
    if (bytes.n < HEADER_BYTES || (shift != 9 && shift != 12) || mini_shift != 6)
        return SD_ERR_PARSE;
    struct cfb cfb = {.bytes = bytes, .arena = arena, .sector = (size_t)1 << shift, .mini_sector = 64, .mini_cutoff = 4096};
    bool read = read_fat(&cfb) && read_directory(&cfb, version > 3) && read_mini(&cfb);
    if (arena_err(arena) != SD_OK)
        return arena_err(arena);
    if (!read)
        return SD_ERR_PARSE;
    *ret = cfb;
    return SD_OK;
}

static bool read_mini_chain(const struct cfb *cfb, uint32_t index, uint64_t want, struct buf *to) {
    uint64_t got = 0;
    for (size_t steps = 0; got < want; steps++) {
        struct span s = index < MAX_REGULAR ? span_sub(cfb->mini, (size_t)index * cfb->mini_sector, cfb->mini_sector)
                                            : SPAN_NONE;
        if (!s.n || steps > cfb->mini_fat_count)
            return false;
        struct span part = span_sub(s, 0, want - got < s.n ? (size_t)(want - got) : s.n);
        buf_put(to, part);
        got += part.n;
        index = next_of(cfb->mini_fat, cfb->mini_fat_count, index);
    }
    return true;
}

bool cfb_read(const struct cfb *cfb, const struct cfb_entry *entry, size_t max, struct buf *to) {
    uint64_t want = entry->size < max ? entry->size : max;
    bool whole = want == entry->size;
    if (entry->type != CFB_STREAM)
        return false;
    if (entry->size < cfb->mini_cutoff)
        return read_mini_chain(cfb, entry->start, want, to) && whole;
    return read_chain(cfb, entry->start, want, to) && whole;
}

bool cfb_is(const struct cfb_entry *entry, const char *name) {
    return span_ieq(span_cstr(entry->name), span_cstr(name));
}
