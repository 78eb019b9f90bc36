#include "keeper/guess.h"
#include "keeper/common_list.h"
#include "keeper/guess_keys.h"

#include <string.h>

/* Quarter bits. */
enum {
    COST_LETTER = 19, /* 26 of them */
    COST_DIGIT = 13,
    COST_MARK = 16, /* any other of ASCII, but for those that people use between words and at the end */
    COST_USUAL_MARK = 8,
    COST_SPACE = 4,
    COST_OTHER = 16, /* a byte beyond ASCII */
    COST_AGAIN = 4,  /* the character before once more */
    COST_PART = 8,   /* to go on with a word, a run … rather than something else */
    COST_FOLD = 4,
    COST_REVERSE = 4,
    COST_CONTEXT = 4,
    COST_YEAR = 26, /* of a hundred */
    COST_RUN = 18,
    COST_WALK = 18,
    COST_TURN = 6,
    COST_COPY = 20,
};
#define RUN_LEAST 3
#define WALK_LEAST 4
#define COPY_LEAST 3

struct table {
    const struct guess_text *text;
    unsigned best[GUESS_MAX + 1]; /* of the first i bytes */
};

static bool is_letter(uint8_t c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

void guess_text_set(struct guess_text *text, struct span s) {
    text->n = s.n < GUESS_MAX ? s.n : GUESS_MAX;
    for (size_t i = 0; i < text->n; i++)
        text->c[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] - 'A' + 'a') : s.p[i];
}

void guess_text_wipe(struct guess_text *text) {
    explicit_bzero(text, sizeof *text);
}

static void add_word(struct guess_context *context, struct span s) {
    struct guess_text folded;
    guess_text_set(&folded, s);
    if (s.n < COMMON_LEAST || s.n > GUESS_WORD_MAX || context->n == GUESS_CONTEXT_MAX)
        return;
    struct guess_word *word = &context->words[context->n++];
    memcpy(word->c, folded.c, s.n);
    word->n = s.n;
}

static bool in_word(uint8_t c) {
    return is_letter(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

void guess_context_add(struct guess_context *context, struct span s) {
    add_word(context, s);
    for (size_t i = 0; i < s.n;) {
        size_t n = 0;
        while (i + n < s.n && in_word(s.p[i + n]))
            n++;
        if (n < s.n)
            add_word(context, span_sub(s, i, n));
        i += n + 1;
    }
}

uint8_t guess_fold(uint8_t c, unsigned fold) {
    static const char from[] = "@483!06$57+", to[] = "aabeiogsstt";
    if (fold == 0 || c == 0)
        return c;
    if (c == '1' || c == '|')
        return fold == 1 ? 'i' : 'l';
    if (c == '9')
        return 'g';
    const char *at = strchr(from, c);
    return at ? (uint8_t)to[at - from] : c;
}

/* The part from..to of the text can be had for cost. */
static void relax(struct table *t, size_t from, size_t to, unsigned cost) {
    if (t->best[from] + cost < t->best[to])
        t->best[to] = t->best[from] + cost;
}

static unsigned character_cost(const struct guess_text *text, size_t i) {
    uint8_t c = text->c[i];
    if (i && text->c[i - 1] == c)
        return COST_AGAIN;
    if (is_letter(c))
        return COST_LETTER;
    if (is_digit(c))
        return COST_DIGIT;
    if (c == ' ')
        return COST_SPACE;
    if (c >= 0x80)
        return COST_OTHER;
    return c && strchr("!.-_?*#,", c) ? COST_USUAL_MARK : COST_MARK;
}

/* Entries that begin at i, and those that end there backwards. */
static void relax_words(struct table *t, size_t i, unsigned fold) {
    const struct guess_text *text = t->text;
    unsigned cost, extra = COST_PART + (fold ? COST_FOLD : 0);
    bool password;
    uint64_t hash = COMMON_HASH_START;
    for (size_t n = 1; n <= COMMON_MOST && i + n <= text->n; n++) {
        hash = common_hash_add(hash, guess_fold(text->c[i + n - 1], fold));
        if (n >= COMMON_LEAST && common_find(hash, &cost, &password))
            relax(t, i, i + n, cost + extra);
    }
    hash = COMMON_HASH_START;
    for (size_t n = 1; n <= COMMON_MOST && n <= i; n++) {
        hash = common_hash_add(hash, guess_fold(text->c[i - n], fold));
        if (n >= COMMON_LEAST && common_find(hash, &cost, &password))
            relax(t, i - n, i, cost + extra + COST_REVERSE);
    }
}

static void relax_context(struct table *t, const struct guess_context *context, size_t i, unsigned fold) {
    for (size_t w = 0; w < context->n; w++) {
        const struct guess_word *word = &context->words[w];
        size_t n = 0;
        while (n < word->n && i + n < t->text->n && guess_fold(t->text->c[i + n], fold) == guess_fold(word->c[n], fold))
            n++;
        if (n == word->n)
            relax(t, i, i + n, COST_CONTEXT + COST_PART);
    }
}

static void relax_year(struct table *t, size_t i) {
    const uint8_t *c = t->text->c + i;
    if (i + 4 <= t->text->n && ((c[0] == '1' && c[1] == '9') || (c[0] == '2' && c[1] == '0')) && is_digit(c[2]) &&
        is_digit(c[3]))
        relax(t, i, i + 4, COST_YEAR);
}

/* Does b follow a in a run of this step? 0 follows 9. */
static bool follows(uint8_t a, uint8_t b, int step) {
    if (step == 0)
        return a == b;
    if (is_digit(a) && is_digit(b))
        return (a - '0' + step + 10) % 10 == b - '0';
    return is_letter(a) && is_letter(b) && a + step == b;
}

static void relax_runs(struct table *t, size_t i) {
    const struct guess_text *text = t->text;
    for (int step = -1; step <= 1; step++) {
        size_t n = 1;
        while (i + n < text->n && follows(text->c[i + n - 1], text->c[i + n], step)) {
            n++;
            if (n >= RUN_LEAST)
                relax(t, i, i + n, COST_RUN + COST_PART);
        }
    }
}

static void relax_walks(struct table *t, size_t i) {
    const struct guess_text *text = t->text;
    for (unsigned layout = 0; layout < GUESS_LAYOUTS; layout++) {
        enum guess_direction before = GUESS_APART;
        unsigned turns = 0;
        for (size_t n = 1; i + n < text->n; n++) {
            enum guess_direction now = guess_step(layout, text->c[i + n - 1], text->c[i + n]);
            if (now == GUESS_APART)
                break;
            turns += before != GUESS_APART && now != before;
            before = now;
            if (n + 1 >= WALK_LEAST)
                relax(t, i, i + n + 1, COST_WALK + COST_PART + turns * COST_TURN);
        }
    }
}

/* What stands before once more, forwards or backwards. */
static void relax_copies(struct table *t, size_t i) {
    const struct guess_text *text = t->text;
    size_t longest = 0;
    for (size_t j = 0; j < i; j++) {
        size_t n = 0, back = 0;
        while (i + n < text->n && text->c[j + n] == text->c[i + n])
            n++;
        while (i + back < text->n && back <= j && text->c[j - back] == text->c[i + back])
            back++;
        n = n > back ? n : back;
        longest = n > longest ? n : longest;
    }
    for (size_t n = COPY_LEAST; n <= longest; n++)
        relax(t, i, i + n, COST_COPY);
}

unsigned guess_cost(const struct guess_text *text, const struct guess_context *context) {
    struct table t = {.text = text};
    for (size_t i = 1; i <= text->n; i++)
        t.best[i] = t.best[i - 1] + COST_OTHER + COST_LETTER; /* more than anything costs */
    for (size_t i = 0; i <= text->n; i++) {
        for (unsigned fold = 0; fold < GUESS_FOLDS; fold++)
            relax_words(&t, i, fold);
        if (i == text->n)
            break;
        relax(&t, i, i + 1, character_cost(text, i));
        relax_context(&t, context, i, 0);
        relax_context(&t, context, i, 1);
        relax_year(&t, i);
        relax_runs(&t, i);
        relax_walks(&t, i);
        relax_copies(&t, i);
    }
    return t.best[text->n];
}
