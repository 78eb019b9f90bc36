#include "keeper/guess_keys.h"

#include <string.h>

#define ROWS 4

static const char *const layouts[GUESS_LAYOUTS][ROWS] = {
    {"`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./"},
    {"^1234567890", " qwertzuiop", " asdfghjkl", " yxcvbnm,.-"},
    {"\xb2"
     "1234567890",
     " azertyuiop", " qsdfghjklm", " wxcvbn,;:"},
    {"789", "456", "123", "0"},
};

static uint8_t unshifted(uint8_t c) {
    static const char from[] = "~!@#$%^&*()_+{}|:\"<>?", to[] = "`1234567890-=[]\\;',./";
    const char *at = c ? strchr(from, c) : NULL;
    return at ? (uint8_t)to[at - from] : c;
}

static bool find(unsigned layout, uint8_t c, int *row, int *column) {
    for (int r = 0; r < ROWS; r++) {
        const char *at = c > ' ' ? strchr(layouts[layout][r], (char)c) : NULL;
        if (!at)
            continue;
        *row = r;
        *column = (int)(at - layouts[layout][r]);
        return true;
    }
    return false;
}

/* Each row lies half a key to the right of the one above; the block of digits lies straight. */
enum guess_direction guess_step(unsigned layout, uint8_t from, uint8_t to) {
    int r0, c0, r1, c1;
    if (!find(layout, unshifted(from), &r0, &c0) || !find(layout, unshifted(to), &r1, &c1))
        return GUESS_APART;
    int down = r1 - r0, right = c1 - c0;
    if (down == 0 && (right == 1 || right == -1))
        return right == 1 ? GUESS_RIGHT : GUESS_LEFT;
    if (down == 1 && (right == 0 || right == -1))
        return right == 0 ? GUESS_DOWN_RIGHT : GUESS_DOWN_LEFT;
    if (down == -1 && (right == 0 || right == 1))
        return right == 0 ? GUESS_UP_LEFT : GUESS_UP_RIGHT;
    return GUESS_APART;
}
