/*
 * authres_lex.h - the words of an Authentication-Results body (RFC 8601 §2.2): white space and comments, tokens, quoted
 * strings. Each takes what it reads from the beginning of *rest.
 */
#ifndef SD_AUTH_AUTHRES_LEX_H
#define SD_AUTH_AUTHRES_LEX_H

#include "core/arena.h"

bool authres_is_fws(uint8_t c);
/* White space and comments; false when a comment does not end or nests too deeply. */
bool authres_skip_cfws(struct span *rest);
/* value = token / quoted-string; a quoted one without quotes, escapes and folds, in the arena. */
enum sd_err authres_take_value(struct span *rest, struct arena *arena, struct span *ret) SD_MUST_CHECK;
/* The quoted string at the beginning of s with its quotes; empty when it does not end. */
struct span authres_quoted(struct span s);
/* Do comments and quoted strings of the rest end? Else readers differ on what is inside one. */
bool authres_balanced(struct span rest);

#endif
