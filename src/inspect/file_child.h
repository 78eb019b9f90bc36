/* file_child.h - between spawner.c and file_child.c: the life of one child, and the records of its answer. */
#ifndef SD_INSPECT_FILE_CHILD_H
#define SD_INSPECT_FILE_CHILD_H

#include "core/sandbox.h"
#include "inspect/spawner.h"

/* u16 index, u64 findings: first one of the spawner's that there is a child, or none; then one for each attachment in order;
 * then one that says that these were all. All of them fit into a pipe at once. */
#define RECORD_BYTES 10
#define RECORD_END UINT16_MAX
#define RECORD_NO_CHILD (UINT16_MAX - 1)
#define RECORD_CHILD (UINT16_MAX - 2)
#define RECORD_LATE (UINT16_MAX - 3)
void file_record(int answer, uint16_t index, uint64_t findings); /* nobody may read it any more */

/* What came through the pipe of one child, and from the spawner about it, for `count` attachments. */
struct file_answer {
    size_t answered; /* attachments, from the first on */
    bool whole;      /* all of them, and nothing else */
    bool late;       /* it was killed for that */
    bool no_child;
};
/* Adds what was found to `findings`. What says anything else than a child does is none of ours any more: then nothing was
 * answered. */
struct file_answer file_answer_read(struct span bytes, uint64_t *findings, size_t count);

/* All of a child, until it exits. */
_Noreturn void file_child(const struct spawner_spec *spec, void *loaded, const struct sandbox_filter *filter, int letter,
                          int answer);

#endif
