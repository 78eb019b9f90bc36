/*
 * test_rig.h - a whole edge inside a test: the real session, intake and sealing, fake inspectors behind real channels, a keeper
 * whose key the test holds. For tests and the fuzz target.
 *
 * What a fake inspector does is written in the letter: a line "X-Test: reject" (tempfail, rude, files, cuts, garbage,
 * forged-facet, hang, die). "die" closes the channel as a crash would; the rig makes a new one, as the supervisor would.
 */
#ifndef SD_EDGE_TEST_RIG_H
#define SD_EDGE_TEST_RIG_H

#include "auth/policy.h"
#include "edge/edge.h"
#include "edge/seal_letter.h"

#define RIG_WORKERS 2
#define RIG_LETTERS_MAX 256

struct rig_worker {
    struct rig *rig;
    struct ipc_client *client;
    pthread_t thread;
    int fd;        /* the inspector's end */
    size_t judged; /* letters it was asked about */
};

struct rig {
    struct edge edge;
    char dir[64]; /* data directory; intake/ is in it */
    struct secret private_key;
    struct rig_worker workers[RIG_WORKERS];
    struct ipc_client *clients[RIG_WORKERS];
    pthread_mutex_t lock; /* of what follows */
    bool away;            /* inspectors do not come back */
    bool tame;            /* "hang" and "die" are nothing to them: a fuzzer learns every word */
    size_t deaths;
    struct ipc_call *hung; /* the one that "hang" left unanswered */
    size_t in_flight, most_in_flight;
    size_t letter_count; /* judged, retries included */
    struct buf letters[RIG_LETTERS_MAX];
    struct buf mail_from; /* of the last one */
    struct buf helo;
    size_t recipient_count;
};

/* What the fake inspector says about every sender. */
#define RIG_SIGNALS (UINT64_C(1) << AUTH_SIGNAL_REPLY_TO_ELSEWHERE)
#define RIG_WEIGHT 10

/* hostname mx.sealdesk.example; queues support, billing @sealdesk.example; default limits. */
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig); /* removes the directory */

/*
 * A session that is given these bytes, `chunk` at a time (0: all at once), then the end. The replies are appended. Runs in this
 * thread.
 */
void rig_talk(struct rig *rig, struct span input, size_t chunk, struct buf *replies);

size_t rig_judged(struct rig *rig, size_t worker);

/* One record of the intake, opened as the keeper and the desk would. */
struct rig_record {
    struct span header_raw;
    struct cards_intake_header_v1 header;
    struct cards_adoption_v3 card;
    struct buf card_plain;
    struct span facets;
};
/* Reads all segments in order into raw, counts whole records, and opens the one with number index (if there is one). */
size_t rig_records(struct rig *rig, size_t index, struct buf *raw, struct rig_record *ret);
void rig_record_free(struct rig_record *record);
/* Opens a facet of it; index: which FILE. SD_ERR_NOTFOUND. */
enum sd_err rig_open_facet(const struct rig_record *record, enum facet facet, uint16_t index, struct buf *to) SD_MUST_CHECK;

#endif
