/*
 * letter_scan.c - what was found in a letter at the door: what an inspector told the keeper itself. What the edge says of it
 * counts no more than that it can make it worse; letters of edges that did not yet say by what the verdict is known, and that
 * have no attachments, are what those say.
 */
#include "keeper/letter.h"
#include "keeper/scanner.h"

#include <string.h>

#define VERSION_TELLS 3 /* from then on the card has the digest of the letter as it was inspected */

/* ---- at the door ---- */

static struct object_found found_of(const struct verdict_part *part, const struct verdict_kept *verdict, int64_t epoch) {
    return (struct object_found){.own = part->state,
                                 .findings = part->findings,
                                 .signature = part->signature,
                                 .engine = verdict->engine,
                                 .scanned_ms = verdict->kept_ms,
                                 .epoch = epoch};
}

/*
 * Each attachment gets what was told of the same bytes at the same place. What was told of others is in the letter all the
 * same: then the letter itself is as bad as that.
 */
static void take_told(struct letter_scan *scan, const struct letter *letter, const struct verdict_kept *verdict,
                      int64_t epoch) {
    struct ipc_list_iter parts = ipc_list_start(verdict->parts), digests = ipc_list_start(letter->card.attachment_digests);
    struct verdict_part part;
    struct span item, digest;
    for (uint16_t at = 0; ipc_list_next(&parts, &item); at++) {
        bool readable = verdict_part_read(item, &part) == SD_OK;
        bool mine = at == 0 || (ipc_list_next(&digests, &digest) && readable && span_eq(part.digest, digest));
        if (mine && readable && at < scan->count)
            scan->found[at] = found_of(&part, verdict, epoch);
        else
            scan->found[0].own = object_state_worse(scan->found[0].own, readable ? part.state : OBJECT_UNSCANNED);
    }
}

/* What the edge says only makes it worse; zero says nothing. */
static void take_edge(struct letter_scan *scan, const struct letter *letter) {
    enum object_state said = (enum object_state)letter->header.state;
    struct object_found *own = &scan->found[0];
    if (scan->told || said == OBJECT_MALICIOUS)
        own->own = said == OBJECT_UNSCANNED ? own->own : object_state_worse(own->own, said);
    else if (said == OBJECT_UNSCANNABLE)
        own->own = OBJECT_UNSCANNABLE; /* it breaks what reads letters, and would again */
    else if (letter->header.version < VERSION_TELLS && letter->header.attachments == 0)
        own->own = said;
}

enum sd_err letter_scan(struct keeper *k, struct letter *letter) {
    struct letter_scan *scan = &letter->scan;
    struct verdict_kept verdict;
    int64_t epoch = 0;
    bool due = false;
    *scan = (struct letter_scan){.count = (uint16_t)(letter->header.attachments + 1)};
    if (scan->count > VERDICT_PARTS_MAX)
        return SD_ERR_BUG;
    scan->told = !span_is_zero(letter->card.letter_digest) && verdicts_find(k, letter->card.letter_digest, &verdict);
    enum sd_err err = scan->told ? epoch_of(k, verdict.engine, &epoch) : SD_OK;
    if (err)
        return err;
    if (scan->told)
        take_told(scan, letter, &verdict, epoch);
    take_edge(scan, letter);
    enum object_state worst = OBJECT_CLEAN;
    for (uint16_t i = 0; i < scan->count; i++) {
        scan->states[i] = (uint8_t)scan->found[i].own;
        worst = object_state_worse(worst, scan->found[i].own);
        due |= scan->found[i].own == OBJECT_UNSCANNED;
    }
    scan->states[0] = (uint8_t)worst;
    scan->due_ms = due ? scan_again_ms(k, 0) : 0;
    return SD_OK;
}

/* ---- again ---- */

enum sd_err letter_scan_again(struct keeper *k, struct letter *letter, const struct object_row *row) {
    struct object_id parent, id;
    struct object_row file = {.there = row->facts.has_files};
    struct letter_scan *scan = &letter->scan;
    enum sd_err err = SD_OK;
    scan->states[0] = (uint8_t)row->facts.state;
    scan->count = 1;
    memcpy(parent.b, letter->header.object.p, ID_BYTES);
    while (file.there && scan->count < VERDICT_PARTS_MAX && err == SD_OK) {
        err = attachment_object_id(&parent, (uint16_t)(scan->count - 1), &id);
        if (err == SD_OK)
            err = object_find(k, span_of(id.b, ID_BYTES), &file);
        if (err == SD_OK && file.there)
            scan->states[scan->count++] = (uint8_t)file.facts.state;
    }
    return err;
}
