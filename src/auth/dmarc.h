/* dmarc.h - the parts of DMARC among themselves: record (dmarc_record.c), tree walk (dmarc_walk.c), verdict (dmarc.c). */
#ifndef SD_AUTH_DMARC_H
#define SD_AUTH_DMARC_H

#include "auth/auth.h"

#define DMARC_MAX_TAGS 64    /* RFC 9989 knows 13; a record with more is none */
#define DMARC_MAX_QUERIES 8  /* RFC 9989 §4.10: queries of one tree walk */
#define DMARC_SHORT_LABELS 7 /* §4.10 step 4: a long name is cut to so many labels */

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_NO, DMARC_PSD_YES };

struct dmarc_record {
    enum dmarc_policy p, sp, np; /* DMARC_NO_POLICY: absent */
    enum dmarc_psd psd;
    bool usable; /* false: p, sp or np are wrong and there is no rua (RFC 9989 §4.10.1) */
    bool strict_dkim, strict_spf;
    bool testing;
};

/* SD_ERR_PARSE: no DMARC record (the "v" tag). */
enum sd_err dmarc_record_parse(struct span text, struct dmarc_record *ret) SD_MUST_CHECK;

struct dmarc_found {
    struct span domain;
    struct dmarc_record record;
};

struct dmarc_walk {
    struct span start;
    struct dmarc_found found[DMARC_MAX_QUERIES]; /* longest domain first */
    size_t count;
    bool cut_short; /* an answer is missing: what is shorter is unknown */
};

struct dmarc_asking {
    const struct dns_source *dns;
    struct deadline deadline;
    struct arena *arena;
    bool psl_org_domain;
};

enum sd_err dmarc_tree_walk(const struct dmarc_asking *asking, struct span domain, struct dmarc_walk *ret) SD_MUST_CHECK;
/* §4.10.2. The walk must not be cut short. A part of walk->start. */
struct span dmarc_org_domain(const struct dmarc_walk *walk);
/* §4.10.1: the record that applies to walk->start; NULL when there is none (or, of a walk cut short, none yet). */
const struct dmarc_found *dmarc_policy_of(const struct dmarc_walk *walk);

#endif
