/*
 * demo.h - the short true story that `sealdesk demo` plays: its world (a zone, keys, a certificate), a mail client, an API
 * client and a receiver. Everything else in it is the real program, used by its real doors.
 */
#ifndef SD_SEALDESK_DEMO_DEMO_H
#define SD_SEALDESK_DEMO_DEMO_H

#include "auth/dns_script.h"
#include "core/buf.h"
#include "core/clock.h"
#include "crypt/crypt.h"

#include <jansson.h>
#include <stdio.h>

#define PATH_BYTES 4096
#define DETAIL_BYTES 400

/* ---- world.c: what the DNS says, and who can sign ---- */

enum demo_domain { GENUINE, FORGED, UNALIGNED, LOOKALIKE, IMITATOR, DEMO_DOMAINS };

struct demo_world {
    struct buf zone; /* zone-file lines */
    struct signer *signers[DEMO_DOMAINS];
    struct buf certificate, key; /* PEM, of the customer's mail server; the company's SMTP uses it too */
};
extern const char *const demo_domain_names[DEMO_DOMAINS];
enum sd_err demo_world_new(struct demo_world *ret) SD_MUST_CHECK;
void demo_world_free(struct demo_world *world);
/* A letter from this domain, DKIM-signed when sign is set. */
enum sd_err demo_letter(const struct demo_world *world, enum demo_domain from, const char *name, const char *to,
                        const char *subject, const char *text, bool sign, struct buf *ret) SD_MUST_CHECK;

struct demo_file {
    const char *name, *type;
    struct span content;
};
/* From the customer, to support, signed, with this file. */
enum sd_err demo_letter_with_file(const struct demo_world *world, const char *subject, const struct demo_file *file,
                                  struct buf *ret) SD_MUST_CHECK;

/* ---- mail.c ---- */

/* One SMTP session with one message; the reply that decided it, without CRLF. */
enum sd_err demo_send(uint16_t port, const char *helo, const char *from, const char *to, struct span message, char *ret_reply,
                      size_t reply_bytes) SD_MUST_CHECK;

struct demo_receiver; /* an SMTP server with STARTTLS for the customer's domain */
enum sd_err demo_receiver_start(const struct demo_world *world, uint16_t *ret_port, struct demo_receiver **ret) SD_MUST_CHECK;
struct demo_delivery {
    struct buf message;
    bool tls;
    char tls_version[32];
};
/* The first message that arrived, by the deadline. */
enum sd_err demo_receiver_wait(struct demo_receiver *receiver, struct deadline deadline,
                               struct demo_delivery *ret) SD_MUST_CHECK;

/* ---- api.c ---- */

struct demo_api;
enum sd_err demo_api_new(const char *base_url, struct demo_api **ret) SD_MUST_CHECK;
void demo_api_free(struct demo_api **api);
/* method, path below the base, body (NULL for none; reference taken over). Status and JSON (may be NULL; caller's). */
enum sd_err demo_api_call(struct demo_api *api, const char *method, const char *path, json_t *body, long *ret_status,
                          json_t **ret_json) SD_MUST_CHECK;
/* POST session; keeps cookie and CSRF token for later calls. */
enum sd_err demo_api_sign_in(struct demo_api *api, const char *email, const char *password, const char *code,
                             long *ret_status) SD_MUST_CHECK;

/* ---- story.c ---- */

struct demo_person {
    const char *email, *name, *role, *queue;
    char otpauth[600];
    char spent[7]; /* the code that the story signed in with: each counts once */
};
#define DEMO_PEOPLE 4
extern const char demo_password[];

struct demo {
    char dir[PATH_BYTES], conf[PATH_BYTES], program[PATH_BYTES], base_url[64];
    uint16_t smtp_port, desk_port;
    struct demo_world world;
    struct demo_receiver *receiver;
    uint16_t receiver_port;
    struct demo_person people[DEMO_PEOPLE];
    int run_pid, scanner_pid;
    struct demo_api *agent, *other;
    char ticket[64], message[64];
    char reply_to[200]; /* where answers to our answer go: the ticket's own address */
};

typedef bool (*demo_step)(struct demo *demo, char *detail); /* detail: DETAIL_BYTES */
struct demo_chapter {
    const char *name;  /* stable, for --json */
    const char *title; /* for people */
    demo_step run;
};
extern const struct demo_chapter demo_story[];
extern const size_t demo_story_length;

/* detail becomes the text; `good` is returned. */
bool demo_say(char *detail, bool good, const char *format, ...) SD_PRINTF(3, 4);
const char *demo_text(json_t *object, const char *key); /* never NULL */

/* The first message of the listed ticket with this subject, opened; the caller's. NULL when there is none. */
json_t *demo_open_first(struct demo *d, const char *subject);

/* ---- attachments.c: chapters about attachments ---- */
bool demo_scanner(struct demo *d, char *detail);
bool demo_attachment(struct demo *d, char *detail);
bool demo_disguised(struct demo *d, char *detail);
bool demo_virus(struct demo *d, char *detail);

/* ---- proof.c: chapters about rights and the log ---- */
bool demo_who_can(struct demo *d, char *detail);
bool demo_step_up(struct demo *d, char *detail);
bool demo_verify_export(struct demo *d, char *detail);
bool demo_forge_export(struct demo *d, char *detail);

/* The six digits of now (RFC 6238). */
void demo_code(const struct demo_person *person, char ret[7]);

/* ---- process.c ---- */

/* Runs a program to its end; its standard output. Exit status, or -1. */
int demo_run(char *const argv[], struct buf *output);
int demo_spawn(char *const argv[], const char *log_path); /* pid or -1 */
enum sd_err demo_free_port(uint16_t *ret) SD_MUST_CHECK;
bool demo_port_free(uint16_t port); /* on 127.0.0.1 */
bool demo_ended(int *pid);          /* True when the program ended by itself; *pid is 0 then */
enum sd_err demo_write_file(const char *path, struct span bytes) SD_MUST_CHECK;
enum sd_err demo_read_file(const char *path, struct buf *to) SD_MUST_CHECK;
void demo_remove_tree(const char *path);

#endif
