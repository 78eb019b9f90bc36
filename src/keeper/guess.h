/*
 * guess.h - how soon would a guessing program come to a text? The cheapest way to put it together from list entries (also
 * backwards, also with 0 for o), what is known of the person, years, runs of letters and digits, walks on a keyboard,
 * repetitions of what came before, and single characters. In quarter bits; an estimate from below. No I/O.
 */
#ifndef SD_KEEPER_GUESS_H
#define SD_KEEPER_GUESS_H

#include "core/span.h"

#define GUESS_MAX 96 /* bytes of a password that are looked at: what comes behind makes it no worse */
#define GUESS_CONTEXT_MAX 32
#define GUESS_WORD_MAX 64

/* Lower case (ASCII). Wiped by guess_text_wipe(). */
struct guess_text {
    uint8_t c[GUESS_MAX];
    size_t n;
};
void guess_text_set(struct guess_text *text, struct span s);
void guess_text_wipe(struct guess_text *text);

/* Words that a guesser who knows the person tries first: folded, 3 letters or more. */
struct guess_context {
    struct guess_word {
        uint8_t c[GUESS_WORD_MAX];
        size_t n;
    } words[GUESS_CONTEXT_MAX];
    size_t n;
};
/* The whole of s, and each part of it between characters that are neither letters nor digits. What does not fit is left out. */
void guess_context_add(struct guess_context *context, struct span s);

unsigned guess_cost(const struct guess_text *text, const struct guess_context *context);

/* What kind of character stands for another: 0 as typed, 1 with 1 for i, 2 with 1 for l. */
#define GUESS_FOLDS 3
uint8_t guess_fold(uint8_t c, unsigned fold);

#endif
