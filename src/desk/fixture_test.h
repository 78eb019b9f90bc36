/*
 * fixture_test.h - what the desk's tests stand on: a store in a folder of its own, a keeper of a few lines on the other end of
 * a channel, and requests made by hand.
 */
#ifndef SD_DESK_FIXTURE_TEST_H
#define SD_DESK_FIXTURE_TEST_H

#include "desk/desk.h"
#include "store/message.h"
#include "store/ticket.h"

/* What the keeper of the tests does, and what it was asked. */
struct fake_keeper {
    enum sd_err open_status; /* of every open */
    bool refuse_heads;       /* every head key is withheld */
    uint64_t hidden;         /* bits of the seeds of objects and tickets that this person may not list */
    enum sd_err act_status;
    enum sd_err status;  /* of everything that fake_keeper_access.c answers */
    const char *problem; /* the same, as the keeper's sentence */
    unsigned factor;     /* enum factor of the session */
    bool limited;
    bool replaces_token; /* each session has another token from now on */
    uint8_t verb;        /* of the last challenge, step-up, request or explanation */
    uint8_t object[16];  /* of the same, and of what was destroyed or removed */
    size_t object_bytes;
    char challenge[129], text[2048]; /* what the last call carried, NUL-terminated */
    bool refuse_reply;
    unsigned sign_in_outcome;
    unsigned opens, heads, replies, acts, moves, sign_outs;
    char reply_message[8192]; /* the last one, NUL-terminated */
    char origin[65];
    char domain[256];       /* that was searched for */
    unsigned reply_cc;      /* addresses that the last answer named by hand */
    const char *history[4]; /* records, NULL ends */
    const char *custody[8]; /* items of every custody, NULL ends; none: the keeper knows nothing of the object */
    const char *held[4], *incidents[4];
    enum sd_err custody_status;
    uint8_t digest[32]; /* of every open */
    unsigned custodies, previews;
    uint8_t facet;         /* of the last open */
    unsigned ticket_state; /* enum ticket_state, as a release answers */
};
extern struct fake_keeper fake;

#define TOKEN_BYTE 0x11
#define NEXT_TOKEN_BYTE 0x44 /* of a session whose token was replaced */
#define API_TOKEN "Bearer sdt_ERERERERERERERERERERERERERERERERERERERERERE"
#define COOKIE_NEXT "sealdesk=REREREREREREREREREREREREREREREREREREREREREQ"
#define CSRF_BYTE 0x22
#define COOKIE_AGENT "sealdesk=ERERERERERERERERERERERERERERERERERERERERERE"  /* 32 times TOKEN_BYTE */
#define COOKIE_NOBODY "sealdesk=MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM" /* a token that the keeper does not know */
#define CSRF_AGENT "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI"
#define PERSON_AGENT "a1b2c3"

struct fixture {
    struct desk desk;
    char dir[64];
    struct exchange x;
    struct http_request request;
};
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
void fixture_remove(const struct fixture *f); /* the folder alone, when threads still use the rest */

/* One more channel to the scripted keeper, for a process under test; closed by the caller. Once per set-up. */
int fixture_keeper_channel(void);

/* A ticket with one letter in it, sealed as the edge would. Ids are seed repeated. */
void fixture_ticket(struct fixture *f, uint8_t seed, const char *queue, enum ticket_state state, const char *subject);
/* One more letter on it. */
void fixture_letter(struct fixture *f, uint8_t ticket_seed, uint8_t seed, enum ticket_state state, uint16_t attachments);
/* And tickets and letters with attachments, or whose sender is as given; what is NULL or zero is so in the card and the row
 * too. */
struct fixture_file {
    const char *name, *content;
};
struct fixture_sender {
    const struct fixture_file *files;
    uint16_t file_count;
    const char *html;
    const char *from, *reply_to, *domain;
    const char *checks, *signals; /* JSON of the head card; NULL: as in every letter here */
    const char *reason;           /* of the disposition */
    uint8_t trust, disposition;
    uint64_t row_signals;
    uint32_t known;
    int64_t known_since_ms;
    bool as_customer, encrypted, stricter;
};
void fixture_ticket_from(struct fixture *f, uint8_t seed, const struct fixture_sender *sender);
void fixture_letter_from(struct fixture *f, uint8_t ticket_seed, uint8_t seed, const struct fixture_sender *sender);
/* Seals and stores one facet. */
void fixture_put(struct store *store, const struct object_id *object, enum facet facet, struct span plain);
struct ticket_row fixture_row(struct fixture *f, uint8_t seed);
void fixture_head(struct fixture *f, uint8_t seed, struct span sealed_instead);

/* A request with an API token in the place of the cookie. */
void fixture_bearer(struct fixture *f, enum http_method method, const char *path, const char *body);
/* A request as the signed-in agent; change fixture->request before fixture_go. */
void fixture_request(struct fixture *f, enum http_method method, const char *path, const char *body);
/* Gate and handler; the status. The body is in f->x.response until the next request. */
unsigned fixture_go(struct fixture *f);
unsigned fixture_get(struct fixture *f, const char *path);
/* The response's body, NUL-terminated, in the exchange's arena. */
const char *fixture_body(struct fixture *f);
bool fixture_says(struct fixture *f, const char *part);

/* "11111111111111111111111111111111" */
const char *hex_id(uint8_t seed, char to[33]);

#endif
