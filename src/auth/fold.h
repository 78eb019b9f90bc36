/* fold.h - text as a reader takes it at a glance: what looks alike becomes equal (UTS 39 skeleton, no accents, lower case). */
#ifndef SD_AUTH_FOLD_H
#define SD_AUTH_FOLD_H

#include "core/arena.h"

/* A domain or a part of one, in U-labels: 0 is o, 1 is l, rn is m, vv is w; lower case. Without memory: empty. */
struct span fold_domain(struct span unicode, struct arena *arena);
/* Code points of well-formed UTF-8. */
size_t fold_letters(struct span utf8);

#define FOLD_WORD_MAX 32
/* The folded form of a short ASCII word of ours; bytes written. */
size_t fold_word(const char *word, uint8_t to[FOLD_WORD_MAX]);

/*
 * The words of a person's or a brand's name (UTF-8): compatibility forms, case, accents, invisible and direction characters,
 * punctuation and the difference of I and l are gone; at most max words, in order.
 */
#define FOLD_NAME_WORDS_MAX 32
struct fold_name {
    struct span words[FOLD_NAME_WORDS_MAX];
    size_t count;
    size_t letters; /* of all words */
};
void fold_name(struct span name, struct arena *arena, struct fold_name *ret);

/* Text with a right-to-left override (U+202E) is read backwards: its code points in the other order. Empty when it has none. */
struct span fold_backwards(struct span utf8, struct arena *arena);

/* As it is seen: without invisible and direction characters, compatibility forms (full-width letters, U+FF20 …) as plain ones.
 * Case stays. Text that is ASCII already is returned as it is. */
struct span fold_visible(struct span utf8, struct arena *arena);

#endif
