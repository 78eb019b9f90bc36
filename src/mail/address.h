/* address.h - address lists with what mail_parse() wants to know besides, inside the mail library. */
#ifndef SD_MAIL_ADDRESS_H
#define SD_MAIL_ADDRESS_H

#include "mail/mail.h"

/* mail_parse_addresses(), and whether a group was among them. */
enum sd_err address_list(struct span field_body, struct arena *arena, struct mail_address_list *ret,
                         bool *ret_group) SD_MUST_CHECK;
/* What the author fields of this header leave open: FROM_*. SD_OK, or an error of ours. */
enum sd_err address_check_from(const struct mail_header *h, struct arena *arena, mail_ambiguities *ambiguities) SD_MUST_CHECK;

#endif
