/*
 * warrant.h - work without a person: what a process may have, what for, how often, until when, and who says so. A process is
 * never a who: whatever it opens, it opens under one of these, and each use is a record.
 */
#ifndef SD_KEEPER_WARRANT_H
#define SD_KEEPER_WARRANT_H

#include "keeper/keeper.h"

#define WARRANT_USES 200 /* attempts: the retry schedule over five days makes fewer than 60 per host */
#define WARRANT_LIFE_MS (INT64_C(6) * 24 * 60 * 60 * 1000)

/* X(name, word, process, facets, fit) - fit: NEEDED, or ANY: also what is not fit to be opened by people (that is the point of
 * it) */
#define PURPOSE_LIST(X)                                                                                                        \
    X(NONE, "none", 0, 0, NEEDED)                                                                                              \
    X(DELIVER, "deliver", PEER_COURIER, FACET_BIT(SOURCE) | FACET_BIT(RECEIPT), NEEDED)                                        \
    X(EXPORT, "export", PEER_CLERK, FACET_BIT(HEAD) | FACET_BIT(TEXT) | FACET_BIT(SOURCE) | FACET_BIT(FILE), NEEDED)           \
    X(RESCAN, "rescan", PEER_CLERK, FACET_BIT(SOURCE), ANY)                                                                    \
    X(INDEX, "index", PEER_CLERK, FACET_BIT(TEXT), NEEDED)                                                                     \
    X(PREVIEW, "preview", PEER_CLERK, FACET_BIT(FILE) | FACET_BIT(PREVIEW), NEEDED)                                            \
    X(LEARN, "learn", PEER_CLERK, FACET_BIT(SOURCE), NEEDED)
#define FACET_BIT(name) (UINT32_C(1) << FACET_##name)
enum warrant_purpose {
#define X(name, word, process, facets, fit) PURPOSE_##name,
    PURPOSE_LIST(X)
#undef X
        PURPOSE_COUNT
};
enum warrant_fit { FIT_NEEDED = 0, FIT_ANY = 1 };
struct purpose_facts {
    const char *word;
    uint32_t process; /* enum ipc_peer */
    uint32_t facets;  /* bits 1 << enum facet */
    enum warrant_fit fit;
};
const struct purpose_facts *purpose_facts(enum warrant_purpose purpose);
enum warrant_purpose warrant_purpose_from(struct span word); /* PURPOSE_NONE: none of ours */

/* For a ticket, a queue ("*": all), or one object. Within a transaction. */
struct warrant_scope {
    enum warrant_purpose purpose;
    struct span object;                /* alone; else empty */
    struct span ticket, queue, person; /* person: who issued it; empty: root or the policy */
    const char *policy;                /* its name; NULL: a person or root */
    uint32_t uses;
    int64_t expires_ms;
};
enum sd_err warrant_add_scope(struct keeper *k, const struct warrant_scope *scope, uint8_t ret_id[ID_BYTES]) SD_MUST_CHECK;

/* Delivery: one message. */
struct warrant {
    uint8_t id[ID_BYTES];
    struct span object;   /* its id */
    struct sha256 digest; /* of the finished message */
    struct span mail_from;
    struct span recipients; /* blobs */
    struct span person;     /* who answered */
};
/* Within a transaction. */
enum sd_err warrant_add(struct keeper *k, const struct warrant *warrant) SD_MUST_CHECK;

#endif
