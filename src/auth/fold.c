/* ICU is asked for every character that is not ASCII; for those that are it was asked once. */
#include "auth/fold.h"

#include <pthread.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#define NAME_MAX_UNITS 512     /* of a display name: what is longer is no name, and no program shows it whole */
#define EXPANSION_MAX 4        /* UTF-8 bytes or units that one unit may become; U+FDFA and its like are cut */
#define ASCII_FOLD_MAX_BYTES 2 /* m is rn */

static struct {
    USpoofChecker *checker; /* read-only once opened: uspoof_getSkeletonUTF8 takes it const */
    const UNormalizer2 *casefold, *compatible;
    struct {
        uint8_t n;
        uint8_t b[ASCII_FOLD_MAX_BYTES];
    } ascii[128];
} icu;
static pthread_once_t icu_once = PTHREAD_ONCE_INIT;

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void fill_ascii(uint8_t c) {
    UErrorCode status = U_ZERO_ERROR;
    const char text = (char)lower(c);
    char skeleton[ASCII_FOLD_MAX_BYTES + 2];
    int32_t n = icu.checker ? uspoof_getSkeletonUTF8(icu.checker, 0, &text, 1, skeleton, (int32_t)sizeof skeleton, &status) : 0;
    if (U_FAILURE(status) || n < 1 || n > ASCII_FOLD_MAX_BYTES || !span_is_ascii(span_of(skeleton, (size_t)n))) {
        skeleton[0] = text;
        n = 1;
    }
    icu.ascii[c].n = (uint8_t)n;
    for (int32_t i = 0; i < n; i++)
        icu.ascii[c].b[i] = lower((uint8_t)skeleton[i]);
}

static void open_icu(void) {
    UErrorCode status = U_ZERO_ERROR;
    icu.checker = uspoof_open(&status);
    icu.casefold = unorm2_getNFKCCasefoldInstance(&status);
    icu.compatible = unorm2_getNFKCInstance(&status);
    if (U_FAILURE(status)) {
        icu.checker = NULL;
        icu.casefold = icu.compatible = NULL;
    }
    for (uint8_t c = 1; c < 128; c++)
        fill_ascii(c);
}

size_t fold_letters(struct span utf8) {
    size_t n = 0;
    for (size_t i = 0; i < utf8.n; i++)
        n += (utf8.p[i] & 0xc0) != 0x80;
    return n;
}

static size_t put_ascii(uint8_t c, uint8_t *to) {
    memcpy(to, icu.ascii[c & 127].b, ASCII_FOLD_MAX_BYTES);
    return icu.ascii[c & 127].n;
}

size_t fold_word(const char *word, uint8_t to[FOLD_WORD_MAX]) {
    size_t n = 0;
    (void)pthread_once(&icu_once, open_icu);
    for (; *word && n + ASCII_FOLD_MAX_BYTES <= FOLD_WORD_MAX; word++)
        n += put_ascii((uint8_t)*word, to + n);
    return n;
}

/* Accents, and points above and below letters of any script that has them only for reading aloud. */
static bool is_accent(UChar32 c) {
    UErrorCode status = U_ZERO_ERROR;
    int8_t type = u_charType(c);
    return (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK) && uscript_getScript(c, &status) == USCRIPT_INHERITED;
}

/* Two v stand for one w; ICU has no rule for that pair. In place. */
static size_t join_vv(uint8_t *p, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        bool pair = p[i] == 'v' && i + 1 < n && p[i + 1] == 'v';
        p[used++] = pair ? 'w' : p[i];
        i += pair;
    }
    return used;
}

/* Text out of ICU into folded bytes: ASCII by the table, no accents. `to` has room for twice as much. */
static size_t put_folded(struct span s, uint8_t *to) {
    size_t used = 0;
    for (size_t i = 0; i < s.n;) {
        size_t start = i;
        UChar32 c;
        U8_NEXT(s.p, i, s.n, c);
        if (c >= 0 && c < 0x80) {
            used += put_ascii((uint8_t)c, to + used);
        } else if (c >= 0 && !is_accent(c)) {
            memcpy(to + used, s.p + start, i - start);
            used += i - start;
        }
    }
    return used;
}

/* The skeleton in the arena; the text itself when ICU cannot say. */
static struct span skeleton_of(struct span utf8, struct arena *arena) {
    UErrorCode status = U_ZERO_ERROR;
    size_t room = utf8.n * EXPANSION_MAX + 64;
    char *to = icu.checker && room <= INT32_MAX ? arena_alloc(arena, room) : NULL;
    if (!to)
        return utf8;
    int32_t n = uspoof_getSkeletonUTF8(icu.checker, 0, (const char *)utf8.p, (int32_t)utf8.n, to, (int32_t)room, &status);
    return U_FAILURE(status) ? utf8 : span_of(to, (size_t)n);
}

static struct span folded(struct span utf8, struct arena *arena) {
    struct span s = span_is_ascii(utf8) ? utf8 : skeleton_of(utf8, arena);
    uint8_t *to = arena_alloc(arena, s.n * ASCII_FOLD_MAX_BYTES + 1);
    if (!to)
        return SPAN_NONE;
    return span_of(to, join_vv(to, put_folded(s, to)));
}

struct span fold_domain(struct span unicode, struct arena *arena) {
    (void)pthread_once(&icu_once, open_icu);
    return folded(unicode, arena);
}

/* Through one of ICU's normalizers, cut at NAME_MAX_UNITS; the text itself when it is no UTF-8. */
static struct span normalized(struct span utf8, const UNormalizer2 *by, struct arena *arena) {
    UErrorCode status = U_ZERO_ERROR;
    UChar in[NAME_MAX_UNITS], out[NAME_MAX_UNITS * EXPANSION_MAX];
    int32_t n = 0;
    for (size_t i = 0; i < utf8.n && n < NAME_MAX_UNITS - 1;) {
        UChar32 c;
        U8_NEXT(utf8.p, i, utf8.n, c);
        if (c >= 0 && !u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
            U16_APPEND_UNSAFE(in, n, c);
    }
    n = by ? unorm2_normalize(by, in, n, out, (int32_t)SD_COUNT(out), &status) : -1;
    char *to = n >= 0 && U_SUCCESS(status) ? arena_alloc(arena, (size_t)n * 3 + 1) : NULL;
    if (!to)
        return utf8;
    int32_t bytes = 0;
    u_strToUTF8(to, n * 3 + 1, &bytes, out, n, &status);
    return U_FAILURE(status) ? utf8 : span_of(to, (size_t)bytes);
}

struct span fold_visible(struct span utf8, struct arena *arena) {
    if (span_is_ascii(utf8))
        return utf8;
    (void)pthread_once(&icu_once, open_icu);
    return normalized(utf8, icu.compatible, arena);
}

struct span fold_backwards(struct span utf8, struct arena *arena) {
    uint8_t *to = span_search(utf8, SPAN("\xe2\x80\xae")) < utf8.n ? arena_alloc(arena, utf8.n) : NULL;
    size_t n = utf8.n;
    if (!to)
        return SPAN_NONE;
    for (size_t i = 0; i < utf8.n;) {
        size_t start = i;
        UChar32 c;
        U8_NEXT(utf8.p, i, utf8.n, c);
        (void)c;
        n -= i - start;
        memcpy(to + n, utf8.p + start, i - start);
    }
    return span_of(to, utf8.n);
}

static bool in_word(UChar32 c) {
    if (c >= 0 && c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    int8_t type = c < 0 ? U_UNASSIGNED : u_charType(c);
    return u_isalnum(c) || type == U_NON_SPACING_MARK || type == U_COMBINING_SPACING_MARK;
}

static void put_word(struct span all, size_t from, size_t to, struct fold_name *name) {
    if (to == from || name->count == FOLD_NAME_WORDS_MAX)
        return;
    struct span word = span_sub(all, from, to - from);
    name->words[name->count++] = word;
    name->letters += fold_letters(word);
}

static void split_words(struct span all, struct fold_name *name) {
    size_t from = 0;
    for (size_t i = 0; i < all.n;) {
        size_t at = i;
        UChar32 c;
        U8_NEXT(all.p, i, all.n, c);
        if (in_word(c))
            continue;
        put_word(all, from, at, name);
        from = i;
    }
    put_word(all, from, all.n, name);
}

void fold_name(struct span text, struct arena *arena, struct fold_name *ret) {
    *ret = (struct fold_name){.count = 0};
    (void)pthread_once(&icu_once, open_icu);
    struct span plain = span_is_ascii(text) ? span_sub(text, 0, NAME_MAX_UNITS) : normalized(text, icu.casefold, arena);
    struct span all = folded(plain, arena);
    uint8_t *p = (uint8_t *)(uintptr_t)all.p; /* ours, just made */
    for (size_t i = 0; i < all.n; i++)
        if (p[i] == 'i')
            p[i] = 'l'; /* a capital I is one */
    split_words(all, ret);
}
