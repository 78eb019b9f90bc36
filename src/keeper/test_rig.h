/*
 * test_rig.h - a keeper in a folder of its own, with scripted clock and inspector, and a client for every peer. No threads:
 * rig_turn() serves what was sent, runs the workers' jobs and the log's round, until nothing is left to do.
 */
#ifndef SD_KEEPER_TEST_RIG_H
#define SD_KEEPER_TEST_RIG_H

#include "keeper/handlers.h"
#include "keeper/test_passkey.h"

enum rig_peer { RIG_EDGE, RIG_CLERK, RIG_DESK, RIG_COURIER, RIG_ADMIN, RIG_INSPECT, RIG_PEERS };

#define RIG_PASSWORD "correct horse battery"
#define RIG_DOMAIN "example.test"
#define RIG_SUPPORT "support@example.test"

struct rig {
    char dir[64];
    struct keeper *k;
    struct ipc_conn *servers[RIG_PEERS];
    struct ipc_client *clients[RIG_PEERS];
    struct ipc_ticket *ticket;
    struct ipc_msg *msg; /* the last reply */
    uint8_t key_id[16], key[32];
    enum root_source root; /* as the configuration says at the next rig_open() */
    const char *credential;
    /* what the inspector says */
    const char *from;
    const char *recipients[4];
    uint64_t ambiguities;
    bool hidden;
    unsigned examined;                                  /* how often it was asked */
    char origin[WEB_ORIGIN_MAX], rp_id[WEB_ORIGIN_MAX]; /* of passkeys, which outlive a keeper */
};

extern int64_t rig_now_ms;

void rig_new(struct rig *rig);
void rig_free(struct rig *rig); /* removes the folder */
/* As after kill -9: the log is not closed, nothing is settled. */
void rig_crash(struct rig *rig);
void rig_open(struct rig *rig);
void rig_turn(struct rig *rig);
struct ipc_msg **rig_msg(struct rig *rig);
struct deadline rig_deadline(void);

/* Calls an operation as that peer and waits; the reply's spans live until the next call. */
#define RIG_CALL(rig, peer, op, req, rep)                                                                                      \
    (keeper_##op##_start((rig)->clients[peer], req, rig_deadline(), &(rig)->ticket)                                            \
         ? SD_ERR_BUG                                                                                                          \
         : (rig_turn(rig), keeper_##op##_wait((rig)->clients[peer], &(rig)->ticket, rig_deadline(), rig_msg(rig), rep)))

/* ---- people ---- */
struct rig_person {
    uint8_t id[16];
    uint8_t totp[20];
    uint8_t token[32];
    struct test_passkey *passkey; /* the newest; NULL: none */
};
void rig_add(struct rig *rig, const char *email, const char *role, const char *queue, struct rig_person *ret);
/* The authenticator's secret in an otpauth:// URI. */
void rig_read_otpauth(struct span uri, uint8_t ret[20]);
/* The code for the present step. */
void rig_code(const struct rig_person *person, char ret[7]);
/* Somebody who is there and signed in. */
void rig_add_signed_in(struct rig *rig, const char *email, const char *role, const char *queue, struct rig_person *ret);
/* Nobody needs a passkey to sign in: gestures are made by hand. */
void rig_without_passkeys(struct rig *rig);
/* SIGN_IN_*; on success the token is kept. Moves the clock on by a step first, so that no code is used twice. */
unsigned rig_sign_in(struct rig *rig, const char *email, const char *password, struct rig_person *person);
unsigned rig_try(struct rig *rig, const char *email, const char *password, const char *code, const char *origin,
                 uint32_t *ret_wait_s);

/* ---- passkeys (test_rig_passkey.c) ---- */

/* Signed in with a whole session, whatever the role: by password and code, adding a passkey; later by that passkey. */
void rig_enter(struct rig *rig, const char *email, struct rig_person *person);
/* A (further) passkey of somebody who is signed in; a limited session becomes whole. Moves the clock on by a step. */
void rig_add_passkey(struct rig *rig, struct rig_person *person);
/* SIGN_IN_*; on success the token is kept. */
unsigned rig_passkey_sign_in(struct rig *rig, struct rig_person *person);
/* A gesture that waits for its act: in the session of the person's token, with their passkey. */
enum sd_err rig_gesture(struct rig *rig, struct rig_person *person, enum verb verb, struct span object);

/* With link and code: a password (RIG_PASSWORD) and an authenticator, or a passkey, or both; the problem, or "". */
struct rig_link {
    uint8_t link[32];
    char code[16];
};
const char *rig_enrol(struct rig *rig, const struct rig_link *link, bool totp, struct test_passkey *passkey,
                      struct rig_person *person);

/* The parts of these, for tests that do otherwise. */
struct test_passkey *rig_new_passkey(struct rig *rig);
enum sd_err rig_challenge(struct rig *rig, struct span token, uint8_t purpose, enum verb verb, struct span object,
                          struct buf *to);
enum sd_err rig_offer_passkey(struct rig *rig, struct rig_person *person, struct test_passkey *passkey, const char *code,
                              struct keeper_passkey_add_rep *ret);

/* ---- letters ---- */
struct rig_letter {
    uint8_t object; /* every byte of the id */
    const char *queue;
    uint8_t disposition, state;
    const char *from;
    const char *message_id, *reference; /* hashed */
    const char *token;
    uint16_t attachments;
    uint8_t version; /* of the card */
    uint8_t trust;
    bool automatic;
    uint64_t signals;
    uint32_t weight;
    const char *trust_domain, *domain, *name, *tls;
    const char *looks[3], *people[3];
    const char *inspected; /* what was inspected, of version 3: its digest is what the verdict is known by; NULL: all zero */
    const uint8_t *id;     /* 16 bytes, instead of that; NULL: none */
    int flip;              /* a bit of the sealed card to change; -1: none */
};
#define RIG_LETTER(number)                                                                                                     \
    ((struct rig_letter){.object = (number),                                                                                   \
                         .queue = "support",                                                                                   \
                         .disposition = DISPOSITION_ACCEPT,                                                                    \
                         .state = OBJECT_CLEAN,                                                                                \
                         .from = "anna@customer.example",                                                                      \
                         .version = 2,                                                                                         \
                         .trust = TRUST_VERIFIED,                                                                              \
                         .trust_domain = "customer.example",                                                                   \
                         .domain = "customer.example",                                                                         \
                         .flip = -1})
/* The answer for one letter. */
struct rig_adopted {
    unsigned outcome;
    uint8_t ticket[16];
    bool new_ticket;
    unsigned state;
    char queue[65];
    unsigned disposition;
    uint64_t signals;
    uint32_t known;
    int64_t known_since_ms;
    uint8_t domain_tag[16];
    bool as_customer, encrypted;
    unsigned states[8]; /* the letter's, then its attachments' */
    unsigned state_count;
};
void rig_adopt(struct rig *rig, const struct rig_letter *letter, struct rig_adopted *ret);
enum sd_err rig_adopt_many(struct rig *rig, const struct rig_letter *letters, size_t count, struct rig_adopted *ret);
void rig_object_id(const struct rig_letter *letter, uint8_t ret[16]);
void rig_object_key(const struct rig_letter *letter, uint8_t ret[32]);

/* ---- what inspectors say ---- */

#define RIG_SOURCE_DIGEST 9 /* the first byte of the source's and of every attachment's digest, before zeros */
struct rig_verdict {
    const char *inspected; /* at the door: as in the letter; or */
    const uint8_t *object; /* 16 bytes: it is stored */
    uint8_t states[8];     /* of the letter itself, then of its attachments */
    uint64_t findings[8];
    unsigned count;        /* of them */
    const char *signature; /* of all of them; NULL: none */
    const char *engine;    /* NULL: none */
    unsigned wrong;        /* bits: parts whose digest is another */
};
enum sd_err rig_tell(struct rig *rig, const struct rig_verdict *verdict);
/* That an adopted letter and all of its attachments are clean. */
void rig_find_clean(struct rig *rig, const struct rig_letter *letter);
/* That the scanner is up, with this engine. */
enum sd_err rig_scanner(struct rig *rig, bool up, const char *engine);
void rig_file_id(const uint8_t letter[16], uint16_t place, uint8_t ret[16]);

/* How many records of the log have this text in them. */
unsigned rig_records(struct rig *rig, const char *text);
struct audit_report rig_verify(struct rig *rig);

#endif
