/*
 * adversary.h - a process beside the keeper that was taken over: it says over a real socket everything that the table lets it
 * say, and much that it does not, and hears everything. What it says is made from keeper.def, so an operation that is added is
 * played from that day on. Afterwards the keeper's database and log are read by code of the test's own (adversary_check.c).
 */
#ifndef SD_KEEPER_ADVERSARY_H
#define SD_KEEPER_ADVERSARY_H

#include "core/ipc/states.h"
#include "keeper/process_rig.h"

/* ---- chance that can be repeated (adversary_draw.c) ---- */

struct dice {
    uint64_t state;
};
uint32_t dice_below(struct dice *dice, uint32_t n);
bool dice_one_in(struct dice *dice, uint32_t n);
void dice_bytes(struct dice *dice, uint8_t *to, size_t n);

/* ---- the installation that is attacked (adversary_world.c) ---- */

/* X(name, role, queues: bits of enum world_queue) */
#define PEOPLE_LIST(X)                                                                                                         \
    X(AGENT, "agent", 1)                                                                                                       \
    X(BILLER, "agent", 2)                                                                                                      \
    X(BOSS, "supervisor", 1)                                                                                                   \
    X(ADMIN, "admin", 0)                                                                                                       \
    X(GUARD, "security", 0)                                                                                                    \
    X(OFFICER, "privacy", 0)                                                                                                   \
    X(HONEST, "agent", 1)
enum world_person {
#define X(name, role, queues) PERSON_OF_##name,
    PEOPLE_LIST(X)
#undef X
        PEOPLE
};
enum world_queue { QUEUE_SUPPORT, QUEUE_BILLING, QUEUES };
extern const char *const world_queues[QUEUES];
#define EVE "eve@evil.example" /* takes part in nothing */

/* Ways in that a taken desk may have, or remember. X(name, whose, is it live) */
#define TOKENS_LIST(X)                                                                                                         \
    X(AGENT, AGENT, true)                                                                                                      \
    X(ADMIN, ADMIN, true)                                                                                                      \
    X(GUARD, GUARD, true)                                                                                                      \
    X(OFFICER, OFFICER, true)                                                                                                  \
    X(HONEST, HONEST, true)                                                                                                    \
    X(MACHINE, BOSS, true) /* an API token: list and open on support */                                                        \
    X(IDLE, BILLER, false)                                                                                                     \
    X(AGED, BILLER, false)                                                                                                     \
    X(REPLACED, BILLER, false)                                                                                                 \
    X(ENDED, BILLER, false)                                                                                                    \
    X(MACHINE_OVER, BILLER, false)                                                                                             \
    X(MACHINE_REVOKED, BILLER, false)
enum world_token {
#define X(name, whose, live) TOKEN_OF_##name,
    TOKENS_LIST(X)
#undef X
        TOKENS
};
enum world_person token_owner(enum world_token token);

#define WARRANT_OF_QUEUE (-1)
#define WARRANT_OF_PREVIEW (-2) /* of an attachment whose pictures may be seen */
enum world_warrant { WARRANT_EXPORT, WARRANT_ENDED, WARRANT_REVOKED, WARRANT_DELIVERS, WARRANTS_MAX = 512 };

#define OBJECTS_MAX 8192
struct world_object {
    struct rig_mail mail; /* id, key, and what its letter's header says */
    bool is_file, is_answer;
    bool there;                              /* adopted or signed: the log says so */
    unsigned disposition;                    /* what the keeper made of it: the log says so */
    int letter;                              /* of files: what they came with */
    enum object_state state, released_state; /* what inspectors said, and what it was known to be when it was released */
    bool released;
    int ticket, decided_by; /* index, -1: none yet; how many decisions there were on it when this came */
};
#define TICKETS_MAX 8192
struct world_ticket {
    uint8_t id[16];
    enum world_queue queue;
    enum category category;
    int decisions;
    bool eve_asked; /* somebody asked to add her by hand: the answer may be lost, or heard later than others on another channel
                     */
};

struct world {
    struct process p;
    uint64_t seed;
    struct rig_intake intake;
    uint8_t people[PEOPLE][16];
    uint8_t tokens[TOKENS][32];
    uint8_t warrants[WARRANTS_MAX][16]; /* enum world_warrant, then those of answers that were signed */
    int warrant_object[WARRANTS_MAX];   /* of those that deliver; else WARRANT_OF_… */
    size_t warrant_count;
    struct world_object *objects;
    size_t object_count;
    struct world_ticket *tickets;
    size_t ticket_count;
    int64_t rows_until; /* the newest object when a part began */
    uint64_t log_next;  /* the record that is read next */
    struct signatures *signatures;
};
void world_make(struct world *w, const char *program, uint64_t seed);
void world_free(struct world *w);
/* Starts the keeper anew, with every session as at the beginning. */
void world_start(struct world *w);
/* What honest processes do meanwhile: who is it, open the first object's text as HONEST, which intake key. How long it took.
 * Any thread. */
int64_t world_probe(struct world *w);
int world_object_at(const struct world *w, struct span id); /* -1: none */
int world_ticket_at(const struct world *w, struct span id);
int world_ticket_add(struct world *w, struct span id, enum world_queue queue);
/* A letter that nobody has seen yet, remembered with its files; or an old one again. */
const struct rig_mail *world_letter(struct world *w, struct dice *dice);
/* An answer that was signed, and its warrant. */
void world_answer(struct world *w, const struct keeper_reply_rep *rep, int ticket);

/* The warrant that somebody got who wants to see pictures. */
void world_preview(struct world *w, const struct keeper_preview_wanted_rep *rep);
/* The verdict on a letter at the door that is known by this: of it and of its first attachment, both clean. */
#define WORLD_INSPECTED 7

/* ---- signatures (adversary_signed.c) ---- */

struct signatures;
struct signatures *signatures_new(struct span public_json);
void signatures_free(struct signatures **signatures);
struct asked;
/* A question is on its way, which may change what may be signed from then on. */
void signed_asked(struct world *w, const struct asked *asked);
/* May this have been signed, and is it signed with the published keys? */
void check_signed(struct world *w, const struct asked *asked, const struct keeper_reply_rep *rep);

/* ---- what is played (adversary_play.c) ---- */

#define KNOWN_MAX 512
struct known {
    uint8_t n;
    uint8_t b[64];
};
struct pool {
    struct known of[KNOWN_MAX];
    size_t count, at;
};
void pool_add(struct pool *pool, struct span value);

/* One question and what came of it. */
struct asked {
    uint16_t op;
    bool sent, answered;
    int token, warrant, ticket; /* indexes into the world, -1: none of them */
    uint8_t *message;           /* of a question to sign; owned */
    size_t message_n;
    uint8_t *cc; /* list raw; owned */
    size_t cc_n;
};

#define ASKED_MAX 100000
struct player {
    struct world *w;
    struct dice dice;
    uint32_t peer;
    unsigned tokens; /* bits of enum world_token: what this one has */
    int fd, wild_fd; /* one on which nothing malformed is said, and one for that */
    struct pool ids, secrets, words;
    struct asked *asked;
    uint32_t asked_count;
    struct asked *now; /* being made */
    uint64_t sent, heard, wild, dropped;
    uint64_t lost;      /* questions whose answer nobody will hear */
    struct buf scratch; /* the values of the message that is being made */
};
void player_start(struct player *player, struct world *w, uint32_t peer, unsigned tokens, uint64_t seed);
void player_play(struct player *player);   /* a handful of messages, and what is answered by then */
void player_deaf(struct player *player);   /* asks and does not listen, until it is dropped */
void player_finish(struct player *player); /* hears the rest */
void player_free(struct player *player);
const char *play_name(uint16_t number); /* of an operation */
enum op_number {
#define OP(service, op, number, peers, states, once, fd) OP_##op = (number),
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
    /* clang-format on */
};

/* ---- values (adversary_draw.c) ---- */

#define DRAW_MARK "zqxj" /* in every text that is nobody's word: where it shows, a peer chose what stands there */
uint64_t draw_number(struct player *player, const char *name, unsigned bits);
struct span draw_bytes(struct player *player, const char *name, size_t max);
struct span draw_fixed(struct player *player, const char *name, size_t n);
struct span draw_text(struct player *player, const char *name, size_t max);
struct ipc_list draw_list(struct player *player, const char *name, size_t max_count, size_t max_each, struct buf *raw);
struct span draw_payload(struct player *player, size_t max);

/* ---- what must hold (adversary_heard.c, adversary_log.c, adversary_rows.c) ---- */

/* From now on this object's keys are known when they are heard. */
void heard_learn(struct world *w, int object);
/* Everything that is answered: are there keys in it, and whose question was it? */
void check_heard(struct world *w, const struct asked *asked, const struct ipc_msg *msg);
/* How often a key was heard, and how often the log says it was released. actor: a person, or PEOPLE and a warrant's index. */
struct release {
    uint32_t key;
    uint32_t heard, granted;
};
struct release *release_of(unsigned actor, int object, unsigned facet);
void release_each(void (*each)(void *arg, unsigned actor, int object, unsigned facet, struct release *release), void *arg);

/* Rows of keeper.db that nobody here may have changed, as text; the keeper is not running. inspected: but for what inspectors
 * say. */
void rows_dump(const struct world *w, bool inspected, struct buf *to);
/* Is each object that the log told of as it must be by that: clean, released? */
void rows_check_found(const struct world *w);
/* Objects that come from now on are not among them. */
void rows_mark(struct world *w);

struct phase {
    unsigned people;      /* bits of enum world_person: who may be named as acting */
    uint32_t owner_verbs; /* what BOSS may do in this phase: by API token less than by session */
    uint64_t lost;
    bool inspected; /* an inspector said things */
    bool released;  /* something was released by root */
};
/* Reads what was written to the log since it was last asked. */
void check_log(struct world *w, const struct phase *phase);

/* ---- the inspector (adversary_inspector.c) ---- */

/* Answers for inspect0 in a thread of its own: honestly, or as one that was taken over. */
struct inspector;
struct inspector *inspector_start(struct world *w, bool honest, uint64_t seed);
void inspector_stop(struct inspector **inspector);

#endif
