/* names.h - the names that programs would give a part's file. Inside the mail library. */
#ifndef SD_MAIL_NAMES_H
#define SD_MAIL_NAMES_H

#include "mail/param.h"

struct name_reader {
    struct arena *scratch;
    struct span name;  /* the most particular: of several the later, RFC 2231's before the plain one */
    struct span other; /* another, if possible one of another kind */
    mail_ambiguities seen;
};

/* Every reading of one name parameter. */
void name_take(struct name_reader *r, const struct param_value *v);
/* Last: what programs fall back on when there is no name. */
void name_end(struct name_reader *r, const struct mail_header *h);

#endif
