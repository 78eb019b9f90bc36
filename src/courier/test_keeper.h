/* test_keeper.h - a keeper that knows one letter: redeems its warrants and remembers what it was told. In a thread. */
#ifndef SD_COURIER_TEST_KEEPER_H
#define SD_COURIER_TEST_KEEPER_H

#include "core/ipc/keeper.h"
#include "crypt/seal.h"

#include <pthread.h>

struct test_keeper {
    uint8_t source_key[32], receipt_key[32], digest[32];
    const char *recipients[4];
    bool spent;         /* denies everything */
    bool reusable;      /* a last report does not spend the warrant */
    bool silent_redeem; /* busy */
    bool silent_report;

    int fds[2];
    pthread_t thread;
    pthread_mutex_t lock;
    unsigned redeemed, reported, last_state;
    bool last_last;
    char last_status[20];
};

/* Keys, and the digest of this letter; one recipient, a@d.example. */
void test_keeper_init(struct test_keeper *keeper, struct span letter);
/* Starts; returns the courier's end of a channel. May be called again after test_keeper_stop. */
int test_keeper_start(struct test_keeper *keeper);
/* After the courier's end was closed. */
void test_keeper_stop(struct test_keeper *keeper);

/* The warrant's first byte is the number of the object. */
struct object_id test_keeper_object(const uint8_t warrant[16]);

#endif
