/*
 * common_list.h - the lists of common and breached passwords, names and words, as a table made at build time by common_list.py:
 * 48 bits of a hash of each entry, sorted; no text. A text that is on no list is found with a chance of 2 in 10,000 million.
 */
#ifndef SD_KEEPER_COMMON_LIST_H
#define SD_KEEPER_COMMON_LIST_H

#include "core/base.h"

#define COMMON_LEAST 3 /* characters of an entry */
#define COMMON_MOST 32

extern const uint32_t common_starts[4097]; /* by the hash's first 12 bits: where its entries start */
extern const uint32_t common_hashes[];     /* the first 32 bits */
extern const uint16_t common_rests[];      /* the next 16 */
extern const uint8_t common_costs[];       /* COMMON_PASSWORD, and the cost */

#define COMMON_PASSWORD 0x80 /* from a list of passwords, not of words or names */

/* FNV-1a of the letters so far, so that every beginning of a text can be looked up. */
#define COMMON_HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t common_hash_add(uint64_t hash, uint8_t letter) {
    return (hash ^ letter) * UINT64_C(0x100000001b3);
}

/* On a list: *ret_cost in quarter bits, *ret_password. */
static inline bool common_find(uint64_t hash, unsigned *ret_cost, bool *ret_password) {
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t first = (uint32_t)(hash >> 32);
    uint16_t rest = (uint16_t)(hash >> 16);
    for (uint32_t i = common_starts[first >> 20]; i < common_starts[(first >> 20) + 1]; i++) {
        if (common_hashes[i] != first || common_rests[i] != rest)
            continue;
        *ret_cost = common_costs[i] & 0x7f;
        *ret_password = common_costs[i] & COMMON_PASSWORD;
        return true;
    }
    return false;
}

#endif
