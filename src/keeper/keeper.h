/*
 * keeper.h - the keeper's state, and what its handlers share. Everything here belongs to one thread, the loop; worker threads
 * get jobs with what they need copied or lent, and give them back. Two operations let something out: open and reply. All others
 * record.
 */
#ifndef SD_KEEPER_KEEPER_H
#define SD_KEEPER_KEEPER_H

#include <stdatomic.h>

#include "auth/auth.h"
#include "core/clock.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "keeper/audit.h"
#include "keeper/gates.h"
#include "keeper/leaf.h"
#include "keeper/pages.h"
#include "keeper/password.h"
#include "keeper/root.h"
#include "keeper/weighing.h"
#include "keeper/work.h"

#define ID_BYTES 16
#define DKIM_KEYS_MAX 160 /* two of each domain, and as many again while they are replaced */
#define DOMAINS_MAX 32

struct dkim_key {
    struct buf domain, selector, public_der;
    enum sign_algorithm algorithm;
    struct signer *signer;              /* NULL: it has ended */
    int64_t made_ms, from_ms, ended_ms; /* signs from, until (0: for now) */
};
#define DKIM_PREPARED INT64_MAX /* from_ms of a key that is published and has no day yet */

/* What the keeper learns from an inspector about a message that is to leave; all of it is compared, none of it is believed. */
struct examined {
    struct buf from;
    struct buf recipients; /* blobs */
    uint32_t recipient_count;
    struct sha256 message_id_hash;
    uint64_t ambiguities;
    bool hidden_recipients;
};
void examined_free(struct examined *examined);

struct keeper;
struct keeper_spec {
    const char *dir;           /* KEEPER_DIR; NULL: database in memory, log in log_dir (tests, fuzzing) */
    const char *log_dir;       /* used when dir is NULL */
    int64_t (*now_ms)(void);   /* wall clock */
    struct password_cost cost; /* of new passwords */
    enum sd_err (*examine)(void *arg, struct span message, struct examined *ret); /* blocks; called from a worker */
    void *examine_arg;
    void (*wake)(void *arg); /* something is to be collected; any thread */
    void *wake_arg;
    enum root_source root;  /* where the configuration says that it is */
    struct span credential; /* of ROOT_CREDENTIAL; empty: none was handed over */
    /* It was locked and is about to be open: what the configuration says is put in. NULL: nothing is. */
    enum sd_err (*opened)(void *arg, struct keeper *k);
    void *opened_arg;
};

/* Why the keeper opens and signs nothing. X(name, sentence for people) */
#define KEEPER_LOCK_LIST(X)                                                                                                    \
    X(CLOSED, "The keeper has not opened its database yet.")                                                                   \
    X(OPEN, "")                                                                                                                \
    X(PASSPHRASE, "The keeper is locked: run sealdesk unlock. Mail is taken in meanwhile.")                                    \
    X(NO_ROOT, "keeper/root.key is missing: put its copy back and restart.")                                                   \
    X(ROOT_MODE, "keeper/root.key can be read by others: chmod 600 it and restart.")                                           \
    X(ROOT_FORM, "keeper/root.key holds no root key: put its copy back and restart.")                                          \
    X(WRONG_ROOT, "The root key is not the one of this keeper.db: put the right copy back and restart.")                       \
    X(SEALED, "The root is sealed: set keeper.root to passphrase or credential:NAME and restart.")                             \
    X(NO_CREDENTIAL, "The credential of keeper.root was not handed over: see LoadCredential= in sealdesk.service.")            \
    X(WRONG_CREDENTIAL, "The credential of keeper.root does not open the root.")                                               \
    X(NO_DATABASE, "keeper/keeper.db is missing: restore a backup.")                                                           \
    X(VERSION, "keeper.db was made by another version of Sealdesk.")                                                           \
    X(DAMAGED, "keeper.db is damaged: restore a backup.")                                                                      \
    X(SETTINGS, "The configuration could not be applied: see the log.")
enum keeper_lock {
#define X(name, sentence) LOCK_##name,
    KEEPER_LOCK_LIST(X)
#undef X
};
const char *keeper_lock_sentence(enum keeper_lock lock);

/* The administrator's word on who may do what: sections trust and gates of the configuration. */
struct trust_settings {
    struct gates gates;
    struct weighing weighing;
    int64_t history_ms; /* a correspondent not heard of for so long is forgotten */
};

/* Sections access, budget and desk.origin of the configuration (settings.c). */
#define WEB_ORIGIN_MAX 300
struct budget_limits {
    uint32_t opens_per_minute, opens_per_day, heads_per_minute, heads_per_day;
};
struct access_settings {
    char origin[WEB_ORIGIN_MAX]; /* of the desk, as browsers say it: passkeys are bound to it */
    char rp_id[WEB_ORIGIN_MAX];  /* its host */
    uint32_t passkey_roles;      /* bits of enum person_role */
    bool totp_step_up;
    uint32_t four_eyes;        /* bits of enum verb, besides those of the table */
    uint32_t warrant_policies; /* bits of enum warrant_purpose */
    int64_t break_glass_ms, enrol_ms;
    struct budget_limits budget;
    uint32_t budget_times[ROLE_AUDITOR + 1]; /* of each role */
};
struct access_settings access_settings_default(void);
/* SD_ERR_CONFIG (logged). */
enum sd_err access_settings_from_config(const struct config *config, struct access_settings *ret) SD_MUST_CHECK;
void keeper_set_access(struct keeper *k, const struct access_settings *settings);
struct scan_settings scan_settings_default(void);
/* SD_ERR_CONFIG (logged). */
enum sd_err scan_settings_from_config(const struct config *config, struct scan_settings *ret) SD_MUST_CHECK;
void keeper_set_scan(struct keeper *k, const struct scan_settings *settings);

/* Sections keeper and backup of the configuration (keys.c). */
struct key_settings {
    enum root_source root;
    int64_t backup_keep_ms;
    bool has_recovery_key;
    uint8_t recovery_key[KEY_BYTES]; /* public: what backups are wrapped to */
};
struct key_settings key_settings_default(void);
/* SD_ERR_CONFIG (logged). */
enum sd_err key_settings_from_config(const struct config *config, struct key_settings *ret) SD_MUST_CHECK;

/* How long the log's records are kept (retention.h). */
struct retention_settings {
    int64_t keep_ms[LEAF_CLASS_COUNT];
};

/* Sections scan and preview of the configuration (access_settings.c). */
struct scan_settings {
    int64_t retro_ms;
    bool show_suspicious; /* pictures of what is suspicious may be seen */
};

/* How one inspector says that the virus scanner is (scanner.h). */
#define INSPECTORS_MAX 16
struct scanner_said {
    bool configured, up;
    int64_t at_ms; /* 0: nothing yet */
};

/* Somebody reads the log, page by page (audit_show.c). */
#define READING_MS (10 * 60 * 1000) /* what one gesture opens the log for */
struct log_reading {
    uint8_t reader[ID_BYTES]; /* session, or connection */
    int64_t begun_ms;         /* 0: nobody */
    struct audit_place next;  /* where the next page begins; offset 0: it must be looked for */
    bool exact;               /* an export */
};

struct keeper {
    struct keeper_spec spec;
    atomic_int lock;             /* enum keeper_lock; the health check reads it from another thread */
    unsigned wrong_unlocks;      /* before the one that opened it */
    struct trust_settings trust; /* the defaults, unless keeper_set_trust() */
    struct db *db;
    struct root root;
    struct vault vault;
    struct pages pages;
    struct key_settings keys;
    struct backup *backup; /* that is being made; NULL: none */
    bool restoring;        /* this is a copy from a backup that is not back in service yet */
    bool dkim_changed;     /* to be loaded when no signature is being made */
    struct audit *audit;
    struct buf log_dir;
    struct buf log_origin;
    struct note_key log_key;
    struct signer *log_signer;
    struct dkim_key dkim[DKIM_KEYS_MAX];
    size_t dkim_count;
    struct buf domains[DOMAINS_MAX]; /* in the configuration's order */
    size_t domain_count;
    struct buf dummy_password;      /* hashed against for people who are not there */
    struct work_queue sign_ins;     /* Argon2 */
    struct work_queue examinations; /* by an inspector, who may take his time */
    struct work_queue signatures;
    struct work_queue checks;                    /* verification of the log, which may take minutes */
    struct audit_entry *settled, **settled_last; /* durable or failed records whose rows are to be settled */
    size_t settled_count;
    struct budget *budget;     /* what people have opened (budget.h) */
    struct rules_cache *rules; /* of people who act (permit.h) */
    struct access_settings access;
    struct scan_settings scan;
    struct verdicts *verdicts; /* verdict.h */
    struct opened *opened;     /* opened.h */
    unsigned opened_victim;
    struct {
        struct scanner_said said[INSPECTORS_MAX];
        bool told, told_up; /* what the last record of it said */
        int64_t epoch_day;  /* how many epochs began on it: an inspector that was taken over could go on and on */
        uint32_t epochs;
    } scanner; /* scanner.h */
    struct {
        enum { HUNT_RECENT, HUNT_OPENED, HUNT_ENDED } stage;
        int64_t epoch, before, ended_ms;
    } hunt;                             /* scan_due.c: how far it is */
    struct address_seat *address_seats; /* attempts.h */
    uint8_t challenge_run[16];          /* challenge.h: those of another run are void */
    int64_t challenge_seen_ms;
    struct {
        struct retention_settings settings;
        bool set, busy;
        int64_t looked_ms;
    } retention; /* retention.h */
    struct log_reading readings[8];
    unsigned reading_victim;
    int64_t cleaned_ms; /* when expired rows were last removed */
    struct {
        int64_t newest_ms, saved_ms;
    } clock; /* wall_clock.h */
    struct {
        int64_t minute;
        uint32_t count;
    } throttled;               /* attempts.h */
    uint8_t contacts_from[16]; /* how far they were looked through for that (contacts.h) */
    struct {
        uint8_t id[ID_BYTES];
        struct hpke_receiver *receiver; /* NULL: free */
    } intake_cache[4];
    unsigned intake_victim;
};

/* ---- life (life.c) ---- */
/* Makes everything in an empty or missing spec->dir: SD_ERR_EXISTS when something is there. */
enum sd_err keeper_create(const struct keeper_spec *spec, const struct span *domains, size_t count) SD_MUST_CHECK;
/* SD_OK too when it stays locked, with the reason in k->lock (unlock.h): then the edge is served, and whoever can unlock it. */
enum sd_err keeper_open(const struct keeper_spec *spec, struct keeper **ret) SD_MUST_CHECK;
bool keeper_is_open(struct keeper *k); /* any thread */
void keeper_close(struct keeper **k);
/* Queues as the configuration names them; a queue that is missing from it is kept, inactive. */
struct queue_setting {
    struct span name, address;
    enum category category; /* of new tickets */
};
enum sd_err keeper_set_queues(struct keeper *k, const struct queue_setting *queues, size_t count) SD_MUST_CHECK;
/* DKIM keys for domains that have none. */
enum sd_err keeper_set_domains(struct keeper *k, const struct span *domains, size_t count) SD_MUST_CHECK;
struct trust_settings trust_settings_default(void);
/* SD_ERR_CONFIG (logged). */
enum sd_err trust_settings_from_config(const struct config *config, struct trust_settings *ret) SD_MUST_CHECK;
void keeper_set_trust(struct keeper *k, const struct trust_settings *settings);
/* What the log and the workers gave back; after every wake. */
void keeper_collect(struct keeper *k);
/* Takes over what the log has finished; then keeper_settle() has it. */
void keeper_collect_log(struct keeper *k);
/* Settles the rows of records that are durable now: the outbox forgets them, their ticket finds them. */
void keeper_settle(struct keeper *k);
/* The same for what a crash left undone: before anything else happens. */
enum sd_err settle_after_crash(struct keeper *k) SD_MUST_CHECK;
/* Small facts by name; SD_ERR_NOTFOUND. */
enum sd_err meta_get(struct keeper *k, const char *name, struct buf *to) SD_MUST_CHECK;
enum sd_err meta_put(struct keeper *k, const char *name, struct span value) SD_MUST_CHECK;
/* What is due now and then; about once a second. */
void keeper_tick(struct keeper *k);
/* ---- our signing keys (dkim.c, dkim_rotate.c) ---- */
enum sd_err dkim_make(struct keeper *k, struct span domain, enum sign_algorithm algorithm, int64_t from_ms) SD_MUST_CHECK;
/* Those that sign for a domain now, RSA first; the count, at most 2. They live until the signatures made with them are done. */
size_t dkim_choose(struct keeper *k, struct span domain, const struct dkim_key *ret[2]);
const char *dkim_state(const struct dkim_key *key, int64_t now_ms); /* "prepared", "signs", "ended" */
enum sd_err dkim_load(struct keeper *k) SD_MUST_CHECK;
void dkim_free(struct keeper *k);
void dkim_tick(struct keeper *k);   /* after every wake: what changed is loaded */
void dkim_expire(struct keeper *k); /* now and then: ended keys are wiped, and after a week forgotten */
void keeper_set_keys(struct keeper *k, const struct key_settings *settings);
/* {"dkim":[…],"log":"…"} */
enum sd_err keeper_public_json(struct keeper *k, struct buf *to) SD_MUST_CHECK;

/* ---- records and answers (record.c) ---- */

/* The answer to a call and the records that must be durable before it. Freed by send or by records_free. */
struct records {
    struct keeper *k;
    struct audit_entry *first, **last;
    enum sd_err err;
};
void records_start(struct records *records, struct keeper *k);
void records_free(struct records *records);
/* A record of something that changed nothing in keeper.db. */
void records_add(struct records *records, const struct leaf *leaf);
/* A record of a change: its text goes into the same transaction, so that a crash between the two loses none. */
void records_add_changed(struct records *records, const struct leaf *leaf);
/* Answers the call after the last record: status, or with SD_OK what `out` holds (moved from it). On failure nothing was sent.
 */
enum sd_err records_send(struct records *records, struct ipc_call *call, enum sd_err status, struct ipc_out *out) SD_MUST_CHECK;
/* Nobody waits: a record by itself. */
enum sd_err records_submit(struct records *records) SD_MUST_CHECK;
/* One record and a refusal. */
enum sd_err refuse_recorded(struct keeper *k, struct ipc_call *call, enum sd_err status, const struct leaf *leaf) SD_MUST_CHECK;
/* Runs one statement that changes something, with its record in the same transaction, and answers. */
enum sd_err answer_changed(struct keeper *k, struct ipc_call *call, struct query *q, const struct leaf *leaf,
                           struct ipc_out *out) SD_MUST_CHECK;
/* One record and an answer. */
enum sd_err answer_recorded(struct keeper *k, struct ipc_call *call, struct ipc_out *out,
                            const struct leaf *leaf) SD_MUST_CHECK;

/* ---- sessions and rights (session.c) ---- */

#define SESSION_IDLE_MS (15 * 60 * 1000)
#define SESSION_LIFE_MS (8 * 60 * 60 * 1000)
#define SESSION_REPLACE_MS (15 * 60 * 1000) /* a session's token is replaced when it is older */
#define SESSION_OVERLAP_MS (60 * 1000)      /* and the one before is still good for as long: requests are in flight */
#define SESSION_AHEAD_MS                                                                                                       \
    (5 * 60 * 1000) /* the clock went back by more: how old the session is, nobody can say, and it ends                        \
                     */
#define SESSION_TOKEN_BYTES 32
#define SESSION_QUEUES_MAX 64 /* what keeper.def carries */

enum person_state { PERSON_INVITED = 0, PERSON_ACTIVE = 1, PERSON_SUSPENDED = 2 }; /* stored */

/* Who is behind a token. */
enum session_verdict { SESSION_NONE = 0, SESSION_LIVE = 1 };
struct who {
    enum session_verdict verdict;
    uint8_t person[ID_BYTES];
    uint8_t session[ID_BYTES]; /* of an API token: the token's id */
    enum person_role role;
    enum factor factor; /* FACTOR_TOKEN: an API token, which can do what it is scoped to and its owner may, and never step up */
    bool limited;       /* may only change their own factors */
    struct buf name;
    int64_t expires_ms, replaced_ms; /* of sessions: since when the token is the present one */
    uint32_t token_verbs;            /* of API tokens: what it is scoped to */
    struct buf token_queues;         /* the same, blobs; empty: all */
};
void who_free(struct who *who);
/* Counts as use. origin: the client's address; API tokens may be bound to some. A replaced token that is used when its minute
 * is over ends its session. */
enum sd_err session_check(struct keeper *k, struct span token, struct span origin, struct who *ret) SD_MUST_CHECK;
struct session_new {
    const uint8_t *person; /* ID_BYTES */
    struct span origin;
    enum factor factor;
    bool limited;
};
enum sd_err session_make(struct keeper *k, const struct session_new *session, uint8_t ret_id[ID_BYTES],
                         uint8_t ret_token[SESSION_TOKEN_BYTES]) SD_MUST_CHECK;
/* A new token for the session, when the present one is older than SESSION_REPLACE_MS; *ret_replaced tells. */
enum sd_err session_replace(struct keeper *k, const struct who *who, uint8_t ret_token[SESSION_TOKEN_BYTES],
                            bool *ret_replaced) SD_MUST_CHECK;
/* A session that was limited: from now on it is a passkey's, under this token alone. Within a transaction. */
enum sd_err session_make_whole(struct keeper *k, const struct who *who, uint8_t ret_token[SESSION_TOKEN_BYTES]) SD_MUST_CHECK;
/* Ends one (keep NULL), or all of a person but `keep` (ID_BYTES, or NULL); API tokens stay. Within a transaction. */
enum sd_err session_end(struct keeper *k, struct span session) SD_MUST_CHECK;
enum sd_err session_end_all(struct keeper *k, struct span person, const uint8_t *keep, uint32_t *ret_ended) SD_MUST_CHECK;
/* What changing requests repeat: the same for as long as the session lives, whatever its token is. */
enum sd_err session_csrf(struct keeper *k, struct span session, struct sha256 *ret) SD_MUST_CHECK;
void session_expire(struct keeper *k);
bool session_is_live(int64_t made_ms, int64_t used_ms, int64_t now_ms);
/* The queues on which this person has the right to list. */
enum sd_err session_queues(struct keeper *k, const struct who *who, struct buf *raw, struct ipc_list *ret) SD_MUST_CHECK;
/* The queues a person was put on, whatever that allows. */
enum sd_err person_queues(struct keeper *k, const uint8_t person[ID_BYTES], struct buf *raw,
                          struct ipc_list *ret) SD_MUST_CHECK;

/* A leaf with actor and origin filled in. */
struct leaf leaf_by(const struct who *who, struct span origin, const char *action);

struct ticket {
    bool there;
    uint8_t id[ID_BYTES];
    uint8_t queue_bytes[64];
    struct span queue; /* in queue_bytes: a ticket is not copied */
    enum ticket_state state;
    enum category category;
};
enum category category_stored(int64_t value); /* a row's number as a category */
enum sd_err ticket_find(struct keeper *k, struct span id, struct ticket *ret) SD_MUST_CHECK;
struct queue_row {
    bool there, active;
    uint8_t address_bytes[LIMIT_ADDRESS_BYTES];
    struct span address;
};
enum sd_err queue_find(struct keeper *k, struct span name, struct queue_row *ret) SD_MUST_CHECK;

/* ---- intake keys (intake_key.c) ---- */
enum sd_err intake_key_make(struct keeper *k) SD_MUST_CHECK;
#define INTAKE_INFO SPAN("sealdesk intake v1") /* HPKE: what the key is for */
enum sd_err intake_key_receiver(struct keeper *k, struct span id, struct hpke_receiver **ret) SD_MUST_CHECK;

/* HMAC of an address, lower case. */
enum sd_err participant_hash(struct keeper *k, struct span address, struct sha256 *ret) SD_MUST_CHECK;
/* ASCII lower case into `to`, at most max bytes. */
size_t lower_case(struct span s, uint8_t *to, size_t max);
bool is_address(struct span s); /* printable ASCII, one @ with something on both sides */

/* ---- the table (dispatch.c) ---- */
extern const struct ipc_op *const keeper_ops;
extern const size_t keeper_op_count;

#endif
