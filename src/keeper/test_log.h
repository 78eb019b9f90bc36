/* test_log.h - a log in a folder of its own, without a keeper: written by audit_turn(), read and damaged by tests. */
#ifndef SD_KEEPER_TEST_LOG_H
#define SD_KEEPER_TEST_LOG_H

#include "keeper/audit.h"

struct log_rig {
    char dir[64];
    struct signer *signer;
    struct note_key key;
    struct audit *audit;
    uint64_t trimmed;
    bool damaged;
};

void log_rig_open(struct log_rig *b);
void log_rig_new(struct log_rig *b);
void log_rig_free(struct log_rig *b);
void log_rig_stop(struct log_rig *b);
void log_rig_add(struct log_rig *b, unsigned count, unsigned long padding);
uint64_t log_rig_size(struct log_rig *b);
struct audit_report log_rig_verify(struct log_rig *b);
void log_rig_path(struct log_rig *b, const char *name, char to[256]);
size_t log_rig_file_size(const char *path);
void log_rig_flip(const char *path, size_t bit);

#endif
