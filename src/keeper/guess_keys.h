/* guess_keys.h - where keys lie: three layouts of the Latin alphabet. */
#ifndef SD_KEEPER_GUESS_KEYS_H
#define SD_KEEPER_GUESS_KEYS_H

#include "core/base.h"

#define GUESS_LAYOUTS 4 /* QWERTY, QWERTZ, AZERTY, the block of digits */

enum guess_direction {
    GUESS_APART = 0,
    GUESS_LEFT,
    GUESS_RIGHT,
    GUESS_UP_LEFT,
    GUESS_UP_RIGHT,
    GUESS_DOWN_LEFT,
    GUESS_DOWN_RIGHT
};
/* From one key to one beside it; the shifted signs of a US keyboard are their keys. */
enum guess_direction guess_step(unsigned layout, uint8_t from, uint8_t to);

#endif
