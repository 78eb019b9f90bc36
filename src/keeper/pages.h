/*
 * pages.h - the data keys of objects, in pages that are wrapped as a whole: a page of PAGE_KEYS keys under its own page key,
 * that under the vault key. Destroying a data key means rewriting its page (a later issue does it). One thread.
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
enum sd_err pages_find(struct pages *pages, int64_t page, unsigned slot, struct secret *ret) SD_MUST_CHECK;

#endif
