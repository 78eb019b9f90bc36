/*
 * inspect.h - inside the inspector: what judging a letter needs. Threads share this and nothing else; every letter has an
 * arena.
 */
#ifndef SD_INSPECT_INSPECT_H
#define SD_INSPECT_INSPECT_H

#include "auth/auth.h"
#include "core/ipc/inspect.h"
#include "core/role.h"
#include "inspect/found.h"
#include "inspect/health.h"
#include "inspect/rspamd.h"
#include "inspect/spawner.h"
#include "inspect/watch.h"

#define LETTER_ARENA_BYTES ((size_t)48 * 1024 * 1024) /* the part table of the worst letter, decoded names, judgement */
#define JUDGE_MS 25000                                /* the edge waits longer: better our tempfail than its time-out */

#define LETTER_MS 40000 /* all of one letter: what is not known by then is not known */

/* config.def's section scan */
struct scan_settings {
    int64_t timeout_ms;      /* of the virus scanner, for one letter */
    bool tempfail_when_down; /* letters with attachments */
    bool reject_malicious;   /* of verified senders */
};

struct inspector {
    const struct config *config;
    struct dns_source dns;
    struct auth_policy policy; /* but for the deadline; its lists are in policy_arena */
    struct arena *policy_arena;
    struct watch watch;
    struct scan_settings scan;
    struct connector *connector; /* NULL: nothing to connect to */
    struct spawner *files;       /* NULL: no attachment can be looked into */
    struct health health;        /* with scanner and keeper */
    struct rspamd rspamd;        /* no connector: not configured */
};

enum sd_err inspect_on_judge(void *ctx, struct ipc_call *call, const struct inspect_judge_req *req) SD_MUST_CHECK;
enum sd_err inspect_on_scan(void *ctx, struct ipc_call *call, const struct inspect_scan_req *req) SD_MUST_CHECK;
enum sd_err inspect_on_learn(void *ctx, struct ipc_call *call, const struct inspect_learn_req *req) SD_MUST_CHECK;
enum sd_err inspect_on_examine(void *ctx, struct ipc_call *call, const struct inspect_examine_req *req) SD_MUST_CHECK;

/* policy.c: what config.def's sections inspect, upstream and trust say. SD_ERR_CONFIG after having said which setting cannot be
 * read. */
enum sd_err policy_read(const struct config *config, struct arena *arena, struct auth_policy *ret) SD_MUST_CHECK;

/* settings.c: what the section scan says; makes the processes aside. In prepare(). files: load and judge. SD_ERR_CONFIG after
 * having said what cannot be. */
enum sd_err scan_prepare(struct inspector *in, uint32_t uid, uint32_t gid, const struct spawner_spec *files) SD_MUST_CHECK;
/* For tests, when no thread uses it any more. */
void scan_end(struct inspector *in);
/* A process aside is gone: nothing can be looked into any more. */
bool scan_crippled(const struct inspector *in);

/* What the facets of a letter told beyond the judgement. */
struct letter_facets {
    struct buf bundle;            /* cards_facet_v1 after another, each as a blob */
    mail_ambiguities ambiguities; /* found while decoding; in the judgement too */
    uint16_t attachments;
    size_t file_at[LIMIT_ATTACHMENTS]; /* where in the bundle the content of each is */
    uint64_t sizes[LIMIT_ATTACHMENTS];
};

/* Text, and a FILE per attachment. Decoding may show that the letter can be read in two ways: the judgement takes it in. */
enum sd_err facets_begin(const struct mail_message *message, const struct auth_policy *policy, struct auth_judgement *judgement,
                         struct letter_facets *ret) SD_MUST_CHECK;
/* The head card, when all is known. */
enum sd_err facets_finish(const struct mail_message *message, const struct auth_policy *policy,
                          const struct auth_judgement *judgement, struct letter_facets *facets) SD_MUST_CHECK;
/* Of the attachments alone; what was found is in ret->ambiguities. For letters that are kept already. */
enum sd_err facets_of_files(const struct mail_message *message, struct letter_facets *ret) SD_MUST_CHECK;
/* The attachments in the bundle. */
void facets_parts(const struct letter_facets *facets, struct letter_parts *parts);

/* Message-ID and references as hashes; the hash of no Message-ID is all zero. */
struct letter_ids {
    uint8_t message_id_hash[32];
    struct ipc_list reference_hashes;
    struct buf raw;
};
enum sd_err letter_ids_make(const struct mail_message *message, struct letter_ids *ret) SD_MUST_CHECK;

/* ASCII lower case, in the arena. */
struct span lower_case(struct span s, struct arena *arena);
/* At most max bytes, cut between characters; empty when it is not UTF-8 at all. */
struct span text_at_most(struct span s, size_t max);

#endif
