/*
 * scanner.h - how the virus scanner is, as inspectors say, and the epochs of its signatures: another engine text than any
 * before begins a new one. A text that was there before keeps its number, whoever still says it.
 */
#ifndef SD_KEEPER_SCANNER_H
#define SD_KEEPER_SCANNER_H

#include "keeper/handlers.h"

/* The number of an engine's epoch; 0: none that was told of, or no engine. */
enum sd_err epoch_of(struct keeper *k, struct span engine, int64_t *ret) SD_MUST_CHECK;
/* The newest; 0: there is none yet. */
enum sd_err epoch_newest(struct keeper *k, int64_t *ret) SD_MUST_CHECK;

/* "epoch 3", or nothing: what the log says. What an inspector calls its engine stands in rows alone. */
struct epoch_word {
    char text[32];
};
struct span epoch_text(int64_t epoch, struct epoch_word *word);

enum scanner_standing { SCANNER_UNKNOWN = 0, SCANNER_NONE = 1, SCANNER_DOWN = 2, SCANNER_UP = 3 };
/* Up when one inspector reaches it; none when it is configured for none of them. */
enum scanner_standing scanner_standing(const struct keeper *k);

/* When a letter that could not be looked into so many times is looked into again: in 1, 5, 15, 30, 60, 60 … minutes. */
int64_t scan_again_ms(const struct keeper *k, int64_t tries);

#endif
