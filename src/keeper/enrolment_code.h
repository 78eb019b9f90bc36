/* enrolment_code.h - the code that goes with an enrolment link, another way: "7KQ2-M4XD", 40 bits; only its HMAC is kept. */
#ifndef SD_KEEPER_ENROLMENT_CODE_H
#define SD_KEEPER_ENROLMENT_CODE_H

#include "keeper/keeper.h"

enum sd_err enrolment_code_make(struct keeper *k, struct buf *to, struct sha256 *ret_hmac) SD_MUST_CHECK;
/* Of a code as typed. SD_ERR_PARSE: it cannot be one. */
enum sd_err enrolment_code_hmac(struct keeper *k, struct span typed, struct sha256 *ret) SD_MUST_CHECK;

#endif
