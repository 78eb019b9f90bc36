#include "keeper/common_passwords.h"
#include "keeper/common_list.h"
#include "keeper/guess.h"

#include <string.h>

#define ENOUGH (4 * 30)    /* quarter bits of guess_cost(): a thousand million guesses, each 150 ms of Argon2, and throttled */
#define REPETITION 12      /* quarter bits for saying "and that several times" */
#define ZIP 24             /* for putting two texts together letter by letter */
#define PERIOD_SHORT 4     /* characters that make no password however often they come */
#define PADDING_MAX 12     /* digits and signs around a word; with more, these are the password */
#define PADDED_LEAST 4     /* letters of the word */
#define PAIR_COST (4 * 12) /* both among the first 4096 of a list of passwords */

const char *password_guess_sentence(enum password_guess guess) {
    static const char *const sentences[] = {
#define X(name, number, sentence) [number] = sentence,
        PASSWORD_GUESS_LIST(X)
#undef X
    };
    return (size_t)guess < SD_COUNT(sentences) ? sentences[guess] : sentences[PASSWORD_LISTED];
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* The whole of s, in any of the foldings. */
static bool is_listed(struct span s, unsigned *ret_cost, bool *ret_password) {
    if (s.n < COMMON_LEAST || s.n > COMMON_MOST)
        return false;
    for (unsigned fold = 0; fold < GUESS_FOLDS; fold++) {
        uint64_t hash = COMMON_HASH_START;
        for (size_t i = 0; i < s.n; i++)
            hash = common_hash_add(hash, guess_fold(s.p[i], fold));
        if (common_find(hash, ret_cost, ret_password))
            return true;
    }
    return false;
}

static bool is_context(struct span s, const struct guess_context *context) {
    for (size_t i = 0; i < context->n; i++)
        if (span_eq(s, span_of(context->words[i].c, context->words[i].n)))
            return true;
    return false;
}

/* Without what is no letter in front, behind, or both. */
static struct span trimmed(struct span s, bool front, bool behind) {
    while (behind && s.n && !is_letter(s.p[s.n - 1]))
        s.n--;
    while (front && s.n && !is_letter(s.p[0]))
        s = span_from(s, 1);
    return s;
}

/* Two of the commonest passwords, with or without signs between them. */
static bool is_pair(struct span core) {
    unsigned cost;
    bool password;
    for (size_t i = COMMON_LEAST; i + COMMON_LEAST <= core.n; i++) {
        if (!is_listed(span_sub(core, 0, i), &cost, &password) || !password || cost > PAIR_COST)
            continue;
        struct span second = trimmed(span_from(core, i), true, false);
        bool straight = is_listed(span_from(core, i), &cost, &password) && password && cost <= PAIR_COST;
        if (straight ||
            (core.n - i - second.n <= PADDING_MAX && is_listed(second, &cost, &password) && password && cost <= PAIR_COST))
            return true;
    }
    return false;
}

/* One word, or two, between any digits and signs. */
static enum password_guess judge_padding(struct span text, const struct guess_context *context) {
    for (unsigned ends = 0; ends < 4; ends++) {
        struct span core = trimmed(text, ends & 1, ends & 2);
        unsigned cost;
        bool password;
        if (core.n < PADDED_LEAST || text.n - core.n > PADDING_MAX)
            continue;
        if (is_context(core, context))
            return PASSWORD_PERSONAL;
        if (is_listed(core, &cost, &password))
            return ends ? PASSWORD_BUILT : PASSWORD_LISTED;
        if (is_pair(core))
            return PASSWORD_BUILT;
    }
    return PASSWORD_UNCOMMON;
}

/* The smallest n for which the text is its first n bytes over and over, the last time perhaps cut off. */
static size_t period_of(struct span s) {
    size_t n = 1;
    while (n < s.n && !span_eq(span_from(s, n), span_sub(s, 0, s.n - n)))
        n++;
    return n;
}

static unsigned distinct(struct span s) {
    bool seen[256] = {0};
    unsigned n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += !seen[s.p[i]];
        seen[s.p[i]] = true;
    }
    return n;
}

/* Few characters in any order: log2 of how many such texts there are, for two, three and four of them. */
static bool is_few_characters(struct span s) {
    static const unsigned quarter_bits[] = {0, 0, 4, 7, 8};
    unsigned n = distinct(s);
    return n < SD_COUNT(quarter_bits) && s.n * quarter_bits[n] < ENOUGH;
}

/* "111222333": each run as one character. */
static void put_collapsed(const struct guess_text *text, struct guess_text *ret) {
    ret->n = 0;
    for (size_t i = 0; i < text->n; i++)
        if (i == 0 || text->c[i] != text->c[i - 1])
            ret->c[ret->n++] = text->c[i];
}

/* "q1w2e3": every second character, then the others. */
static void put_unzipped(const struct guess_text *text, struct guess_text *ret) {
    ret->n = 0;
    for (size_t start = 0; start < 2; start++)
        for (size_t i = start; i < text->n; i += 2)
            ret->c[ret->n++] = text->c[i];
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

static unsigned cost_of(const struct guess_text *text, const struct guess_context *context) {
    struct guess_text other;
    unsigned cost = guess_cost(text, context);
    if (cost < ENOUGH)
        return cost;
    put_collapsed(text, &other);
    if (2 * other.n <= text->n)
        cost = least(cost, guess_cost(&other, context) + REPETITION);
    put_unzipped(text, &other);
    cost = least(cost, guess_cost(&other, context) + ZIP);
    guess_text_wipe(&other);
    return cost;
}

/* What is known of the person only makes it cheaper. */
static enum password_guess judge_cost(const struct guess_text *text, const struct guess_context *context, unsigned enough) {
    static const struct guess_context nothing = {.n = 0};
    if (cost_of(text, context) >= enough)
        return PASSWORD_UNCOMMON;
    return cost_of(text, &nothing) < enough ? PASSWORD_BUILT : PASSWORD_PERSONAL;
}

static enum password_guess judge_text(const struct guess_text *text, const struct guess_context *context) {
    struct span s = span_of(text->c, text->n);
    size_t period = period_of(s);
    if (period <= PERIOD_SHORT || is_few_characters(s))
        return PASSWORD_REPEATED;
    enum password_guess guess = judge_padding(s, context);
    if (guess != PASSWORD_UNCOMMON || 2 * period > s.n)
        return guess == PASSWORD_UNCOMMON ? judge_cost(text, context, ENOUGH) : guess;
    struct guess_text once = *text;
    once.n = period;
    guess = judge_padding(span_of(once.c, period), context);
    if (guess == PASSWORD_UNCOMMON)
        guess = judge_cost(&once, context, ENOUGH - REPETITION);
    guess_text_wipe(&once);
    return guess == PASSWORD_LISTED ? PASSWORD_BUILT : guess;
}

enum password_guess password_guess(struct span password, const struct span *context, size_t n) {
    struct guess_text text;
    struct guess_context known = {.n = 0};
    guess_context_add(&known, SPAN("sealdesk"));
    for (size_t i = 0; i < n; i++)
        guess_context_add(&known, context[i]);
    guess_text_set(&text, password);
    enum password_guess guess = judge_text(&text, &known);
    guess_text_wipe(&text);
    return guess;
}
