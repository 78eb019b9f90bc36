/*
 * unlock.h - the way from a closed keeper to an open one: the database, the root, everything under it. What is missing or wrong
 * leaves the keeper locked, with a reason that people read, and never half open; the edge's key is a public row and is given
 * out whenever the database can be read.
 */
#ifndef SD_KEEPER_UNLOCK_H
#define SD_KEEPER_UNLOCK_H

#include "keeper/keeper.h"

/* Opens as far as it can without a person. An error only where trying again may help (disk, memory). */
enum sd_err unlock_at_start(struct keeper *k) SD_MUST_CHECK;
/* The two files of a replacement, as far as they are there; the second is tried when the first does not fit. */
struct roots {
    struct root copy[2];
    enum sd_err err[2];
};
void roots_free(struct roots *roots);
/* What a passphrase or credential opens of them; any thread, takes as long as two passwords. */
void roots_unseal(const char *dir, struct span opener, struct roots *roots);
/* With what a person's passphrase opened. SD_OK whatever the result, which is in k->lock. */
enum sd_err unlock_with(struct keeper *k, struct roots *roots) SD_MUST_CHECK;
/* It was open, and its database turned out to be damaged: the keys that open mail leave memory. */
void keeper_shut(struct keeper *k);
void keeper_set_lock(struct keeper *k, enum keeper_lock lock);
/* life.c: what needs the vault: keys, log, what a crash left undone; then it is open. */
enum sd_err keeper_open_rest(struct keeper *k) SD_MUST_CHECK;
/* Is this a copy from a backup that is not back in service yet? */
enum sd_err restoring_load(struct keeper *k) SD_MUST_CHECK;
#define META_RESTORING "restoring" /* value: when the backup was made, ms */

#endif
