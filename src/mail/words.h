/* words.h - RFC 2047 encoded words, inside the mail library. */
#ifndef SD_MAIL_WORDS_H
#define SD_MAIL_WORDS_H

#include "mail/mail.h"

/* Appends the unfolded, decoded text in UTF-8 without control characters and without white space at its ends. */
mail_ambiguities words_decode(struct span text, struct buf *to);
/* The same into the arena. SPAN_NONE when memory ran out. */
struct span words_decode_arena(struct span text, size_t max, struct arena *arena, mail_ambiguities *ambiguities);
/* There is something that looks like an encoded word. */
bool words_any(struct span text);

#endif
