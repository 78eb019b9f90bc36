/* mail_test.h - what the tests of this folder share: a parsed message that dies with its scope, and comparisons of text. */
#ifndef SD_MAIL_MAIL_TEST_H
#define SD_MAIL_MAIL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/header.h"
#include "mail/mail.h"

#define TEST_ARENA_BYTES ((size_t)8 * 1024 * 1024) /* what mail.h promises to be enough */

struct parsed {
    uint8_t *bytes; /* of exactly the message's size, so that a read outside is seen by ASan */
    struct arena *arena;
    struct mail_message m;
};

static inline void parsed_free(struct parsed *p) {
    arena_free(&p->arena);
    free(p->bytes);
}

static inline struct parsed parse_bytes(struct span message) {
    struct parsed p = {malloc(message.n ? message.n : 1), arena_new(TEST_ARENA_BYTES), {.part_count = 0}};
    assert_non_null(p.bytes);
    assert_non_null(p.arena);
    if (message.n)
        memcpy(p.bytes, message.p, message.n);
    assert_int_equal(mail_parse(span_of(p.bytes, message.n), p.arena, &p.m), SD_OK);
    assert_true(p.m.part_count >= 1);
    return p;
}

static inline struct parsed parse_text(const char *message) {
    return parse_bytes(span_cstr(message));
}

static inline void assert_text(struct span s, const char *expected) {
    if (!span_eq(s, span_cstr(expected)))
        fail_msg("got <%.*s>, expected <%s>", SPAN_FMT(s), expected);
}

/* The severe ambiguities are these and no others. */
static inline void assert_severe(mail_ambiguities seen, mail_ambiguities expected) {
    for (int i = 0; i < MAIL_AMBIGUITY_COUNT; i++) {
        mail_ambiguities one = (mail_ambiguities)1 << i;
        if (mail_ambiguity_severe(one) && (seen & one) != (expected & one))
            fail_msg("ambiguity %s is %s", mail_ambiguity_id((enum mail_ambiguity)i), seen & one ? "there" : "missing");
    }
}

static inline void assert_seen(mail_ambiguities seen, mail_ambiguities expected) {
    for (int i = 0; i < MAIL_AMBIGUITY_COUNT; i++)
        if (expected >> i & 1 && !(seen >> i & 1))
            fail_msg("ambiguity %s is missing", mail_ambiguity_id((enum mail_ambiguity)i));
}

#define MAIL_HEAD "From: Ann <ann@example.org>\r\nTo: help@example.net\r\nSubject: s\r\n"

#endif
