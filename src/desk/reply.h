/*
 * reply.h - an answer from what an agent typed to a finished message: what the client may send, who it goes to, how it threads.
 * No I/O here; api_reply.c asks keeper and store.
 */
#ifndef SD_DESK_REPLY_H
#define SD_DESK_REPLY_H

#include "core/ipc/cards.h"
#include "crypt/crypt.h"
#include "desk/addressee.h"
#include "desk/input.h"
#include "desk/problem.h"
#include "mail/build.h"

#define REPLY_TEXT_MAX LIMIT_TEXT_BYTES
#define REPLY_CC_MAX 50                             /* keeper.def, reply */
#define REPLY_MESSAGE_MAX ((size_t)2 * 1024 * 1024) /* keeper.def, reply */

struct reply_wish {
    struct span text; /* LF line ends; in the arena */
    struct mail_address cc[REPLY_CC_MAX];
    size_t cc_count;
};
/* {text,cc?[]}; what is wrong goes to errors. Errors returned are ours. */
enum sd_err reply_read(const struct json_in *body, struct arena *arena, struct reply_wish *ret,
                       struct field_errors *errors) SD_MUST_CHECK;

/* Two names of one answer for the store, of which neither tells anything: the first is the key alone, the second the key with
 * all that was asked. The first known and the second not: the key was used for something else. */
struct reply_fingerprint {
    struct sha256 key, request;
};
enum sd_err reply_fingerprint(struct span idempotency_key, struct span ticket, const struct reply_wish *wish,
                              struct arena *arena, struct reply_fingerprint *ret) SD_MUST_CHECK;

/* What the answer is made from. */
struct reply_facts {
    const struct cards_head_v1 *answered; /* the letter it answers: subject and references */
    struct addressee to;
    struct span queue;         /* its name is shown as the sender's */
    struct span queue_address; /* From */
    struct span reply_token;   /* makes Reply-To: local+token@domain */
    struct span hostname;      /* of the Message-ID */
    int64_t now_ms;
};

/* Everything points into the arena or the facts. */
struct reply_plan {
    struct mail_draft draft;
    struct mail_address to;
    struct span references[LIMIT_REFERENCES];
};
/* SD_ERR_PARSE: there is no address to answer to. */
enum sd_err reply_plan(const struct reply_facts *facts, const struct reply_wish *wish, struct arena *arena,
                       struct reply_plan *ret) SD_MUST_CHECK;
/* The head card of it, encoded. */
enum sd_err reply_card(const struct reply_plan *plan, struct ipc_out *card) SD_MUST_CHECK;

/* "Re: " once, in front of the subject. */
struct span reply_subject(struct span subject, struct arena *arena);

#endif
