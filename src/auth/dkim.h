/*
 * dkim.h - the parts of DKIM among themselves: tag lists (dkim_tags.c), canonicalisation (dkim_canon.c); verify and sign use
 * both. These two and dkim_sign.c are all the keeper links: they use nothing but core, crypt and the header splitter.
 */
#ifndef SD_AUTH_DKIM_H
#define SD_AUTH_DKIM_H

#include "auth/auth.h"
#include "crypt/crypt.h"

#define DKIM_MAX_BODY_HASHES 4        /* ways to hash one body: simple, relaxed, and two with l=; 25 MB each time */
#define DKIM_MAX_TAGS 32              /* RFC 6376 knows 15 for signatures and 8 for keys */
#define DKIM_MAX_HEADER_NAMES 256     /* names in h=; real ones stay below 60 */
#define DKIM_MAX_KEY_RECORDS 4        /* TXT records at one selector that are tried */
#define DKIM_MIN_RSA_BITS 1024        /* RFC 8301 §3.2 */
#define DKIM_WEAK_RSA_BITS 2048       /* below it a pass carries a note */
#define DKIM_FUTURE_S 3600            /* how far t= may be ahead of our clock */
#define DKIM_MAX_SIGNATURE_BYTES 1024 /* RSA-8192 */

struct dkim_tag {
    struct span name;
    struct span value;  /* without white space at its ends */
    struct span extent; /* everything between "=" and ";" */
};

struct dkim_tags {
    struct dkim_tag items[DKIM_MAX_TAGS];
    size_t count;
};

/* tag-list (RFC 6376 §3.2); a repeated name is SD_ERR_PARSE. */
enum sd_err dkim_tags_parse(struct span text, struct dkim_tags *ret) SD_MUST_CHECK;
const struct dkim_tag *dkim_tag(const struct dkim_tags *tags, const char *name);
/* Empty when the tag is absent. */
struct span dkim_tag_value(const struct dkim_tags *tags, const char *name);
/* base64 with folding white space inside. */
enum sd_err dkim_base64(struct span value, struct buf *to) SD_MUST_CHECK;
/* Is word an element of the colon-separated list? ASCII case-insensitive. */
bool dkim_list_has(struct span list, struct span word);

enum dkim_algorithm { DKIM_UNKNOWN, DKIM_RSA_SHA1, DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

struct dkim_signature {
    enum dkim_algorithm algorithm;
    bool header_relaxed;
    bool body_relaxed;
    struct span domain;
    struct span selector;
    struct span identity_domain; /* of i=; empty when absent */
    struct span names;           /* h= */
    struct span body_hash;       /* bh=, base64 */
    struct dkim_tag signature;   /* b= */
    bool has_length, has_time, has_expiry;
    uint64_t length; /* l=, bytes */
    uint64_t time_s;
    uint64_t expiry_s;
};

/* The body of a DKIM-Signature field (§3.5, §6.1.1) but for names, times and keys. What could be read is in *ret even when a
 * sentence fragment says why it cannot be used; NULL: it can. */
const char *dkim_signature_parse(struct span body, struct dkim_signature *ret);

/* Its parts that ARC fields have too, each as above: a=, b=, d=, s=, t=; then bh=, c=, h= (may be empty), l=, q=, x=. */
const char *dkim_take_signer(const struct dkim_tags *tags, struct dkim_signature *ret);
const char *dkim_take_coverage(const struct dkim_tags *tags, struct dkim_signature *ret);

/* A key record (§3.6.1). */
struct dkim_key {
    bool is_ed25519;
    bool strict;            /* t=s: i= must be d= itself */
    struct span public_key; /* base64; empty: revoked */
    struct span hashes;     /* h=; empty: any */
    struct span services;   /* s=; empty: any */
};
enum sd_err dkim_key_parse(struct span record, struct dkim_key *ret) SD_MUST_CHECK;

/* §3.4.1, §3.4.2. raw: the field as it stands. with_end: its CRLF too. */
void dkim_canon_header(struct span raw, bool relaxed, bool with_end, struct buf *to);
/* The DKIM-Signature field itself: b= emptied, no CRLF (§3.7). */
void dkim_canon_signature(struct span raw, struct span b_extent, bool relaxed, struct buf *to);

/* Where a canonical body goes: a hash, or a copy for tests; not more than `limit` bytes of it. */
struct dkim_sink {
    struct hash_stream *hash;
    struct buf *copy;
    uint64_t limit;
    uint64_t total; /* the canonical body's length, whatever the limit */
    struct span run;
    enum sd_err err;
};
/* §3.4.3, §3.4.4. Errors in sink->err. */
void dkim_canon_body(struct span body, bool relaxed, struct dkim_sink *sink);

/*
 * §5.4.2: the fields that h= names, each name taking the next one from the bottom up; an empty name takes none. *ret_repeated:
 * a field that may occur once only (RFC 5322 §3.6, RFC 2045) is signed and has a further, unsigned occurrence.
 */
enum sd_err dkim_canon_fields(const struct mail_header *header, struct span names, bool relaxed, struct buf *to,
                              bool *ret_repeated) SD_MUST_CHECK;

#endif
