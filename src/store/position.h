/* position.h - how far the clerk has filed the intake; written in the transaction that files. */
#ifndef SD_STORE_POSITION_H
#define SD_STORE_POSITION_H

#include "store/store.h"

struct intake_position {
    uint64_t segment;
    uint64_t offset; /* bytes; the next frame begins here */
};
/* All zero before the first. */
enum sd_err position_get(struct store *store, struct intake_position *ret) SD_MUST_CHECK;
enum sd_err position_set(struct store *store, struct intake_position position) SD_MUST_CHECK;

#endif
