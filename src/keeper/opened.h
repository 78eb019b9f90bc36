/*
 * opened.h - what was opened of attachments and sources a short while ago, in memory: pictures that somebody turns the pages of
 * are charged once, and who opened something a moment before it turned out to be malicious is known although the log has not
 * been indexed yet.
 */
#ifndef SD_KEEPER_OPENED_H
#define SD_KEEPER_OPENED_H

#include "keeper/handlers.h"

#define OPENED_MAX 1024
#define OPENED_AGAIN_MS (10 * 60 * 1000) /* pictures of the same attachment in the same session cost no more for so long */

struct opened {
    uint8_t session[ID_BYTES], person[ID_BYTES], object[ID_BYTES];
    uint8_t facet;
    int64_t at_ms; /* 0: free */
};
/* Were pictures of it charged to this session already? */
bool opened_lately(const struct keeper *k, const struct who *who, struct span object, unsigned facet);
/* Of the facets that have something of an attachment in them; others are not remembered. */
void opened_note(struct keeper *k, const struct who *who, struct span object, unsigned facet);
/* Something of an attachment was opened, and the record is durable: the row of that and of its letter knows when. What was
 * opened is looked into again however old it is (scan_due.c). */
enum sd_err opened_settle(struct keeper *k, struct span object) SD_MUST_CHECK;
/* The same for a record that is found in the log after a crash, when it is of such a thing. */
enum sd_err opened_replay(struct keeper *k, struct span record) SD_MUST_CHECK;
void opened_free(struct keeper *k);

#endif
