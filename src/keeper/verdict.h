/*
 * verdict.h - what inspectors found in letters that are still at the door, kept in memory until the letters are adopted:
 * bounded in number, bytes and time, the oldest dropped first. What is dropped, or was never there, is not known: the letter is
 * unscanned, and looked into again. Several letters may be the same bytes and share one.
 */
#ifndef SD_KEEPER_VERDICT_H
#define SD_KEEPER_VERDICT_H

#include "core/ipc/cards.h"
#include "keeper/handlers.h"

#define VERDICT_KEPT_MS (INT64_C(2) * 60 * 60 * 1000)
#define VERDICTS_MAX 8192                             /* letters between door and adoption: seconds' worth */
#define VERDICTS_MAX_BYTES ((size_t)16 * 1024 * 1024) /* 40 KB each with 200 attachments, 200 bytes without */
#define VERDICT_PARTS_MAX 201                         /* the letter, and its attachments in order */
#define VERDICT_TEXT_MAX 128                          /* of an engine or a signature */

/* One part of a letter, as the inspector judged it; the state is no better than what was found makes it. */
struct verdict_part {
    struct span digest; /* SHA256_BYTES */
    enum object_state state;
    uint64_t findings;
    struct span signature; /* printable ASCII */
};
/* SD_ERR_PARSE: no verdict that an honest inspector could send. */
enum sd_err verdict_part_read(struct span item, struct verdict_part *ret) SD_MUST_CHECK;
/* Printable ASCII and nothing else: what goes into rows, lists and the terminal. */
bool verdict_text_fits(struct span text);

struct verdict_kept {
    struct span engine;
    struct ipc_list parts; /* cards_verdict_v1 each, checked */
    int64_t kept_ms;
};
/* A letter's verdicts, checked: the first is of the letter itself. What was malicious is not made better within that time. */
enum sd_err verdicts_keep(struct keeper *k, struct span letter, struct span engine, struct ipc_list parts) SD_MUST_CHECK;
/* Spans live until the next verdicts_keep(). */
bool verdicts_find(struct keeper *k, struct span letter, struct verdict_kept *ret);
void verdicts_free(struct keeper *k);

#endif
