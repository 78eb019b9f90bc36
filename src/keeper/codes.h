/*
 * codes.h - codes that people type: Crockford's base32, which has neither I, L, O nor U, in groups of four. A recovery code
 * (80 bits) stands in for a lost second factor; an enrolment code (40 bits) lets a person in once to set one up, and is short
 * because it is short-lived and throttled. Both are passwords: stored as a hash of the normal form only. No I/O.
 */
#ifndef SD_KEEPER_CODES_H
#define SD_KEEPER_CODES_H

#include "core/buf.h"
#include "core/secret.h"

enum code_kind { CODE_RECOVERY = 1, CODE_ENROLMENT = 2 };
#define CODE_RECOVERY_SYMBOLS 16
#define CODE_ENROLMENT_SYMBOLS 8
#define CODE_SYMBOLS_MAX 16
#define CODE_TYPED_MAX 64 /* bytes that are looked at: a code with all the spaces that somebody may put in */

/* The normal form: symbols only, "7KQ2M4XD…"; what is hashed. */
enum sd_err code_make(enum code_kind kind, struct secret *ret) SD_MUST_CHECK;
/* Appends how a person is shown it: "7KQ2-M4XD-…". */
enum sd_err code_show(const struct secret *code, struct buf *to) SD_MUST_CHECK;
/* From what was typed: of any case, with spaces and hyphens anywhere, O for 0, I and L for 1. SD_ERR_PARSE: it cannot be such a
 * code. */
enum sd_err code_normalise(enum code_kind kind, struct span typed, struct secret *ret) SD_MUST_CHECK;

#endif
