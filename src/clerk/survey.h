/* survey.h - what lies in the intake and is not filed yet: how many records, and which intake keys they name. */
#ifndef SD_CLERK_SURVEY_H
#define SD_CLERK_SURVEY_H

#include "core/buf.h"
#include "store/position.h"

#define SURVEY_KEYS 64 /* keeper.def: intake_pending */
#define KEY_ID_BYTES 16

struct survey {
    uint64_t records;
    bool complete; /* every frame could be read, and no key was left out */
    size_t key_count;
    uint8_t keys[SURVEY_KEYS][KEY_ID_BYTES];
};

/* From the position on; with_keys: else only frames are counted. */
enum sd_err survey_intake(const char *dir, struct intake_position from, bool with_keys, struct survey *ret) SD_MUST_CHECK;

#endif
