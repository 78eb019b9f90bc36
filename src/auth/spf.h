/* spf.h - the three parts of check_host() among themselves: record (spf_parse.c), macros (spf_macro.c), evaluator (spf_eval.c).
 */
#ifndef SD_AUTH_SPF_H
#define SD_AUTH_SPF_H

#include "auth/auth.h"

#define SPF_MAX_LOOKUPS 10          /* RFC 7208 §4.6.4: terms that ask the DNS */
#define SPF_MAX_VOID_LOOKUPS 2      /* §4.6.4 */
#define SPF_MAX_MX 10               /* §4.6.4: address look-ups of one mx */
#define SPF_MAX_PTR 10              /* §4.6.4: names of one ptr or %{p} */
#define SPF_MAX_RECORD_BYTES 8192   /* a TXT RRset that needs TCP twice over; longer ones nobody can mean */
#define SPF_MAX_EXPANDED_BYTES 4096 /* a domain-spec before it is cut to 253, or an explanation */

enum spf_mechanism { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
    enum spf_mechanism mechanism;
    enum auth_result qualifier;
    struct span domain_spec; /* empty: the current domain */
    uint8_t ip[16];
    unsigned bits4; /* prefix lengths */
    unsigned bits6;
};

struct spf_record {
    const struct spf_term *terms;
    size_t count;
    struct span redirect; /* domain-spec; empty when absent (the grammar has no empty one) */
    struct span exp;
};

/* The whole record is checked (§4.6). SD_ERR_PARSE is permerror; *ret_bad is then the term at fault. */
enum sd_err spf_parse(struct span text, struct arena *arena, struct spf_record *ret, struct span *ret_bad) SD_MUST_CHECK;

/* One check_host() with all it includes. Errors of ours and verdicts that end the evaluation are sticky. */
struct spf_context {
    uint8_t ip[16];
    bool is_v4;
    struct span local;
    struct span sender_domain;
    struct span helo;
    struct span receiver;
    const struct dns_source *dns;
    struct deadline deadline;
    struct arena *arena;
    unsigned lookups;
    unsigned voids;
    enum sd_err err;
    enum auth_result stop; /* AUTH_NONE while it goes on, else AUTH_TEMPERROR or AUTH_PERMERROR */
    struct span reason;
    struct span explanation;
};

/* Syntax of §7.1: a macro-string, or with explain an explain-string (spaces and the letters c, r, t too). */
bool spf_macro_ok(struct span text, bool explain);
/* The same, ending as a domain-spec must. */
bool spf_domain_spec_ok(struct span text);
/* Appends the expansion for the current domain; text must be ok. May ask the DNS for %{p}. */
void spf_expand(struct spf_context *c, struct span domain, struct span text, bool explain, struct buf *to);
/* The validated name of the client (§5.5) that suits target best; with exact, as the
 * term ptr has it, only target or names below it, and look-ups that find nothing count. Empty: none. */
struct span spf_validated_name(struct spf_context *c, struct span target, bool exact);
/* Asks; a failure of ours sets c->err and looks like DNS_TEMPFAIL. */
struct dns_answer spf_ask(struct spf_context *c, struct span name, enum dns_type type);
/* §4.6.4: one more question of a term found nothing; the third ends the evaluation. */
void spf_count_void(struct spf_context *c, struct span name, const struct dns_answer *answer);
bool spf_has_client(const struct spf_context *c, const struct dns_answer *addresses, unsigned bits4, unsigned bits6);

#endif
