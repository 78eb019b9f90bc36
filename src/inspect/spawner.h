/*
 * spawner.h - looks into the files of a letter in a child of their own, which may die: one child, one letter. A process aside
 * (core/aside.h) with a single thread forks them; what it read of libmagic's database they all have.
 *
 * A child gets the letter as a sealed memfd and a pipe for its answer; it reads the letter again, and looks into each
 * attachment (attachments.h) with a budget for the whole letter. It has no files, no sockets, no processes, and a limit to its
 * time and memory; after its time it is killed. If it is taken over, it can misjudge this letter: that is why its answer is
 * read as a stranger's.
 */
#ifndef SD_INSPECT_SPAWNER_H
#define SD_INSPECT_SPAWNER_H

#include "files/files.h"

struct spawner_spec {
    uint32_t uid, gid;          /* to become, when root */
    struct files_budget budget; /* of each letter; its deadline is set anew */
    int64_t file_ms;
    /* In the spawner, before it confines itself: what all children have. */
    enum sd_err (*load)(void **ret_loaded);
    /* In the child. */
    enum sd_err (*judge)(void *loaded, struct files_budget *budget, const struct files_subject *subject,
                         uint64_t *ret_findings);
};
/* load and judge of src/files. */
extern const struct spawner_spec spawner_of_files;

struct spawner;
/* In prepare(). */
enum sd_err spawner_start(const struct spawner_spec *spec, struct spawner **ret) SD_MUST_CHECK;
void spawner_free(struct spawner **spawner); /* it ends, and so do its children */
bool spawner_gone(const struct spawner *spawner);

/* Has a child begin; *ret_answer is then for spawner_collect(), which must follow. Any thread. */
enum sd_err spawner_begin(struct spawner *spawner, int letter, int *ret_answer) SD_MUST_CHECK;
/*
 * Waits, and adds what was found in each of `count` attachments to its findings. What has no answer gets FINDING_CRASHED, or
 * FINDING_LIMIT_TIME when the time is over. SD_ERR_UNAVAILABLE: there was no child; nothing is known.
 */
enum sd_err spawner_collect(const struct spawner *spawner, int answer, struct deadline deadline, uint64_t *findings,
                            size_t count) SD_MUST_CHECK;

/* What may come from a child: findings of structure. */
uint64_t spawner_findings(void);

#endif
