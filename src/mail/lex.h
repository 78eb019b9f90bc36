/*
 * lex.h - what the readers of this folder share: character classes (RFC 5322 §3.2.3, RFC 2045 §5.1), lines, a cursor that skips
 * comments. Inside the mail library only.
 */
#ifndef SD_MAIL_LEX_H
#define SD_MAIL_LEX_H

#include "core/arena.h"
#include "core/buf.h"

bool lex_is_digit(uint8_t c);
bool lex_is_wsp(uint8_t c);   /* space and tab */
bool lex_is_space(uint8_t c); /* and CR and LF: white space of a folded field body */
bool lex_is_atext(uint8_t c); /* with bytes over 0x7f (RFC 6532 §3.2) */
bool lex_is_token(uint8_t c); /* MIME token, with bytes over 0x7f: what programs let pass */
uint8_t lex_lower(uint8_t c);
int lex_hex(uint8_t c); /* -1 for no digit */

/* One line; text is without the line end. LF ends a line, CR alone does not. */
struct lex_line {
    struct span text;
    size_t start, next; /* offsets of the line and of the one after it */
    bool bare;          /* ended by LF alone, or with a CR that no LF follows */
};
/* False at the end of the bytes; moves *at behind the line. */
bool lex_line(struct span bytes, size_t *at, struct lex_line *ret);

struct lex {
    struct span s;
    size_t at;
};
struct lex lex_of(struct span s);
bool lex_end(const struct lex *x);
int lex_peek(const struct lex *x); /* -1 at the end */
bool lex_take(struct lex *x, uint8_t c);
struct span lex_while(struct lex *x, bool (*is)(uint8_t));
/*
 * Comments and folding white space (RFC 5322 §3.2.2). SD_ERR_PARSE when a comment does not end. Inner bytes of the last comment
 * go to *ret_comment, when it is not NULL and there was one.
 */
enum sd_err lex_cfws(struct lex *x, struct span *ret_comment) SD_MUST_CHECK;
/* From an opening quote behind the closing one; the bytes between, still escaped, go to *ret. */
enum sd_err lex_quoted(struct lex *x, struct span *ret) SD_MUST_CHECK;

/* Copies in the arena; NULL bytes when memory ran out (arena_err). */
struct span lex_lower_copy(struct span s, struct arena *arena);
/* Without quoted-pair backslashes and without the line ends of folding. */
struct span lex_unescape(struct span s, struct arena *arena);
void lex_put_unescaped(struct span s, struct buf *to);

#endif
