/*
 * pages.h - the data keys of objects, in pages that are wrapped as a whole: a page of PAGE_KEYS keys under its own page key,
 * that under the vault key. One thread.
 *
 * To destroy a data key is to give its page a new page key, under which the others are wrapped anew; the place of the destroyed
 * one holds zeros, which pages_find() gives to nobody. What remains of the old page anywhere is wrapped under the page key
 * before, and that under the vault key, which is replaced within a day (generation.h).
 */
#ifndef SD_KEEPER_PAGES_H
#define SD_KEEPER_PAGES_H

#include "keeper/vault.h"

#define PAGE_KEYS 128 /* one locked allocation of 4096 bytes */
#define PAGES_CACHED 16

struct key_page {
    int64_t id; /* 0: none */
    struct secret key;
    struct secret keys;
    unsigned used;
    bool changed;
    uint64_t touched;
};

struct pages {
    struct db *db;
    const struct vault *vault;
    struct key_page open; /* the one that is being filled */
    struct key_page cached[PAGES_CACHED];
    uint64_t clock;
};

/* All within a transaction: add any number, then flush; after a rollback, forget. */
enum sd_err pages_add(struct pages *pages, struct span key, int64_t *ret_page, unsigned *ret_slot) SD_MUST_CHECK;
enum sd_err pages_flush(struct pages *pages) SD_MUST_CHECK;
void pages_forget(struct pages *pages); /* drops everything in memory */
/* Within a transaction; SD_ERR_NOTFOUND: no such key, or destroyed before. */
enum sd_err pages_destroy(struct pages *pages, int64_t page, unsigned slot) SD_MUST_CHECK;
/* A new page key for every page. Within a transaction. */
enum sd_err pages_rekey(struct pages *pages) SD_MUST_CHECK;
/* Every page key from under the present vault key to `next`, which is in force after the commit. Within a transaction. */
enum sd_err pages_rewrap(struct pages *pages, const struct secret *next) SD_MUST_CHECK;
enum sd_err pages_count(struct pages *pages, int64_t *ret_pages, int64_t *ret_keys) SD_MUST_CHECK;
/* SD_ERR_NOTFOUND: no such key, or destroyed. */
enum sd_err pages_find(struct pages *pages, int64_t page, unsigned slot, struct secret *ret) SD_MUST_CHECK;

#endif
