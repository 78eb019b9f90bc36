/* link_check.h - links that show one domain and lead to another. */
#ifndef SD_AUTH_LINK_CHECK_H
#define SD_AUTH_LINK_CHECK_H

#include "mail/mail.h"

/*
 * The visible text is (or has in it) a URL, or as a whole is a host name or an e-mail address; and the target, read as browsers
 * read it, is of another organisational domain. Links that show no domain ("click here") mislead nobody in this way. Click
 * trackers look the same as fraud: that is why the signal weighs little.
 */
bool link_misleads(struct span text, struct span target, struct arena *arena);

/* Any of a letter's links. */
enum sd_err links_mislead(const struct mail_message *message, struct arena *arena, bool *ret) SD_MUST_CHECK;

#endif
