/*
 * common_passwords.h - is a password one that guessing programs try early? NIST SP 800-63B-4 asks for no rules of composition
 * but for a comparison with what is commonly used, expected or compromised. With 15 characters and more, that is seldom an
 * entry of a list as it stands; it is an entry with digits behind it, two of them, a walk over the keyboard, one's own address.
 * Passphrases of four words and random strings pass. No I/O; under a millisecond.
 */
#ifndef SD_KEEPER_COMMON_PASSWORDS_H
#define SD_KEEPER_COMMON_PASSWORDS_H

#include "core/span.h"

/* name, number, sentence for the person. Only UNCOMMON may be a password. */
#define PASSWORD_GUESS_LIST(X)                                                                                                 \
    X(LISTED, 0, "This password is on lists of common and breached passwords.")                                                \
    X(BUILT, 1,                                                                                                                \
      "This password is made of common passwords and patterns that guessing programs try early. Four words that have "         \
      "nothing to do with each other make a good one.")                                                                        \
    X(REPEATED, 2, "This password repeats a few characters.")                                                                  \
    X(PERSONAL, 3, "This password is mostly made of the name, the address or the service that it is for.")                     \
    X(UNCOMMON, 4, "")

enum password_guess {
#define X(name, number, sentence) PASSWORD_##name = number,
    PASSWORD_GUESS_LIST(X)
#undef X
};
const char *password_guess_sentence(enum password_guess guess);

/* context: what a guesser knows of this person and place: address, name, domains; "sealdesk" is always in it. */
enum password_guess password_guess(struct span password, const struct span *context, size_t n);

#endif
