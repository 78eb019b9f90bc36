/*
 * dkim_check.h - what DKIM and ARC verify alike: a signature's names and times, the body's hash, keys, the signature itself.
 * Findings go into a dkim_verdict whose result is AUTH_NONE until something is decided.
 */
#ifndef SD_AUTH_DKIM_CHECK_H
#define SD_AUTH_DKIM_CHECK_H

#include "auth/dkim.h"

struct dkim_candidate {
    const struct mail_field *field;
    struct dkim_signature signature;
    struct span key_name;        /* selector._domainkey.domain; empty when no key needs to be asked for */
    struct dkim_verdict verdict; /* as far as the field alone decides it */
};

/* A body's hash for one way of canonicalisation and one length; signatures of one message mostly share it. */
struct dkim_body_hash {
    bool relaxed;
    uint64_t limit;
    uint64_t total;
    struct sha256 hash;
};

/* One message's verification; zero but for these four. End it with dkim_check_end(). */
struct dkim_check {
    const struct mail_message *message;
    const struct dns_source *dns;
    struct deadline deadline;
    struct arena *arena;
    struct hash_stream *stream;
    struct dkim_body_hash bodies[DKIM_MAX_BODY_HASHES];
    size_t body_count;
};
void dkim_check_end(struct dkim_check *check);

void dkim_conclude(struct dkim_verdict *verdict, enum auth_result result, const char *why);

/* d=, s=, a=, x= and t= after the syntax (RFC 6376 §6.1.1, RFC 8301); NULL: they can be used. domain: of d=, an A-label. */
const char *dkim_unusable(const struct dkim_signature *signature, struct span domain, struct arena *arena, int64_t now_unix_ms);
/* The verdict of a signature read from c->field, and the name of its key unless `why` says that it cannot be used. */
void dkim_candidate_fill(struct dkim_candidate *c, struct span domain, const char *why, struct arena *arena);

/* §6.1.2; concludes when there is no key. */
enum sd_err dkim_check_key(struct dkim_check *check, struct span key_name, struct dns_answer *ret,
                           struct dkim_verdict *verdict) SD_MUST_CHECK;
/* §6.1.3 steps 2 and 3; concludes when the body is another one. A signature that would have the
 * body hashed in yet another way, beyond DKIM_MAX_BODY_HASHES, is permerror. */
enum sd_err dkim_check_body(struct dkim_check *check, const struct dkim_signature *signature,
                            struct dkim_verdict *verdict) SD_MUST_CHECK;
/* §6.1.3 step 4: data is what was signed. Always concludes. */
enum sd_err dkim_check_signature(const struct dkim_check *check, const struct dns_answer *keys, const struct dkim_candidate *c,
                                 struct span data, struct dkim_verdict *verdict) SD_MUST_CHECK;
/* What the signature covers: the chosen fields, then its own field with b= emptied (§3.7). */
enum sd_err dkim_signed_data(const struct dkim_candidate *c, const struct mail_header *header, struct buf *to,
                             bool *ret_repeated) SD_MUST_CHECK;

#endif
