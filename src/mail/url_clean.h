/* url_clean.h - the target of a link, as a browser would read it, written so that nobody can read it otherwise. Inside the mail
 * library. */
#ifndef SD_MAIL_URL_CLEAN_H
#define SD_MAIL_URL_CLEAN_H

#include "core/buf.h"

#define URL_CLEAN_MAX_BYTES 4096 /* of the result; trackers come near it */

enum url_kind { URL_REFUSED, URL_WEB, URL_MAIL, URL_PHONE };

/*
 * Reads http, https, mailto and tel; everything else, and what is relative, is URL_REFUSED. Appends to `url` printable ASCII
 * without quotes, angle brackets, backslashes or spaces: of web addresses (WHATWG URL §4.4) without user and password, the host
 * in A-labels or as an address in its usual form. Appends to `shown` what a person must know: the host, the mail address, the
 * number. Both are untouched when it is refused. Cleaning the result again gives the same.
 */
enum url_kind url_clean(struct span target, struct buf *url, struct buf *shown);

/* As in http://HOST/: percent-decoded, lower-case A-labels or an address; false when it is no host. */
bool url_host(struct span written, struct buf *to);

#endif
