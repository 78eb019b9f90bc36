/*
 * enrolment.h - how somebody gets in for the first time, or anew: a link, of which the hash is kept, and a code that goes
 * another way, of which the HMAC is. Both are needed; five wrong codes end the link, whoever typed them. One per person: a
 * newer one takes its place. The authenticator's secret waits in it, so that it is the same each time the page is opened.
 */
#ifndef SD_KEEPER_ENROLMENT_H
#define SD_KEEPER_ENROLMENT_H

#include "keeper/person.h"

#define ENROL_LINK_BYTES 32
#define ENROL_WRONG_MAX 5

struct enrolment_made {
    uint8_t link[ENROL_LINK_BYTES];
    int64_t expires_ms;
};
/* code: the HMAC of enrolment_code.h. Within a transaction. */
enum sd_err enrolment_make(struct keeper *k, struct span person, const struct sha256 *code,
                           struct enrolment_made *ret) SD_MUST_CHECK;
enum sd_err enrolment_forget(struct keeper *k, struct span person) SD_MUST_CHECK;

enum enrolment_verdict { ENROLMENT_NONE = 0, ENROLMENT_LIVE = 1 };
struct enrolment {
    enum enrolment_verdict verdict;
    struct sha256 hash; /* of the link */
    struct person person;
    struct secret totp;
};
void enrolment_free(struct enrolment *enrolment);
/* Link and code as they came in. A wrong code is counted; every refusal is the same. */
enum sd_err enrolment_check(struct keeper *k, struct span link, struct span code, struct enrolment *ret) SD_MUST_CHECK;
/* The same link, some time after it was checked: is it still live? */
enum sd_err enrolment_again(struct keeper *k, const struct enrolment *enrolment, bool *ret_live) SD_MUST_CHECK;

#endif
