/* adversary_heard.c - what came out: every answer is searched for every key that this test knows, wherever it stands. */
#include "keeper/adversary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys that are known, by their first bytes ---- */

#define SLOTS (1u << 18) /* ten for each of OBJECTS_MAX objects fill a quarter */
#define WHOLE 0          /* instead of a facet: the object's own key */
struct known_key {
    bool there;
    int object;
    unsigned facet;
    uint8_t key[32];
};
static struct known_key keys[SLOTS];

static uint32_t slot_of(const uint8_t *key) {
    uint32_t word;
    memcpy(&word, key, sizeof word);
    return (word * UINT32_C(2654435761)) >> 14;
}

static void learn_key(int object, unsigned facet, const uint8_t key[32]) {
    uint32_t at = slot_of(key);
    while (keys[at].there) {
        if (memcmp(keys[at].key, key, 32) == 0)
            return;
        at = (at + 1) % SLOTS;
    }
    keys[at] = (struct known_key){.there = true, .object = object, .facet = facet};
    memcpy(keys[at].key, key, 32);
}

void heard_learn(struct world *w, int object) {
    const struct rig_mail *mail = &w->objects[object].mail;
    learn_key(object, WHOLE, mail->key);
    for (unsigned facet = FACET_HEAD; facet <= FACET_PREVIEW; facet++) {
        struct secret key SD_CLEANUP(secret_free) = {0};
        MUST(facet_key(span_of(mail->key, 32), (enum facet)facet, &key) == SD_OK);
        learn_key(object, facet, key.p);
    }
}

static const struct known_key *known_at(const uint8_t *p) {
    for (uint32_t at = slot_of(p); keys[at].there; at = (at + 1) % SLOTS)
        if (memcmp(keys[at].key, p, 32) == 0)
            return &keys[at];
    return NULL;
}

/* ---- how often each was let out ---- */

#define RELEASES (1u << 18)
static struct release releases[RELEASES];

struct release *release_of(unsigned actor, int object, unsigned facet) {
    uint32_t key = 1 + (((uint32_t)actor << 13 | (uint32_t)object) << 4 | facet);
    uint32_t at = (key * UINT32_C(2654435761)) >> 14;
    while (releases[at].key && releases[at].key != key)
        at = (at + 1) % RELEASES;
    releases[at].key = key;
    return &releases[at];
}

void release_each(void (*each)(void *arg, unsigned actor, int object, unsigned facet, struct release *release), void *arg) {
    for (size_t i = 0; i < RELEASES; i++)
        if (releases[i].key) {
            uint32_t key = releases[i].key - 1;
            each(arg, key >> 17, (int)(key >> 4 & 0x1fff), key & 15, &releases[i]);
        }
}

/* ---- an answer ---- */

static void fail_heard(const struct world *w, const struct asked *asked, const struct known_key *key, const char *why) {
    (void)fprintf(stderr, "%s: answer to %s, object %d, facet %u, token %d, warrant %d, seed %llu\n", why, play_name(asked->op),
                  key->object, key->facet, asked->token, asked->warrant, (unsigned long long)w->seed);
    abort();
}

static void see_key(const struct world *w, const struct asked *asked, const struct known_key *key) {
    if (key->facet == WHOLE)
        fail_heard(w, asked, key, "an object's own key came out");
    if (asked->token < 0 && asked->warrant < 0)
        fail_heard(w, asked, key, "a key came out with neither session nor warrant");
    unsigned actor = asked->token >= 0 ? token_owner((enum world_token)asked->token) : PEOPLE + (unsigned)asked->warrant;
    release_of(actor, key->object, key->facet)->heard++;
}

/* Bytes that are nobody's to hear: an answer says only what its message has fields for, but who knows where they come from. */
static void search_keys(const struct world *w, const struct asked *asked, struct span body) {
    for (size_t i = 0; i + 32 <= body.n; i++) {
        const struct known_key *key = known_at(body.p + i);
        if (!key)
            continue;
        see_key(w, asked, key);
        i += 31;
    }
}

static void search_signatures(struct world *w, const struct asked *asked, const struct ipc_msg *msg) {
    struct keeper_reply_rep rep;
    if (asked->op == OP_reply && msg->status == SD_OK && keeper_reply_rep_decode(msg->body, NULL, &rep) == SD_OK &&
        rep.outcome == REPLY_SIGNED) {
        check_signed(w, asked, &rep);
        world_answer(w, &rep, asked->ticket);
        return;
    }
    struct keeper_preview_wanted_rep preview;
    if (asked->op == OP_preview_wanted && msg->status == SD_OK &&
        keeper_preview_wanted_rep_decode(msg->body, NULL, &preview) == SD_OK)
        world_preview(w, &preview);
    MUST(span_isearch(msg->body, SPAN("DKIM-Signature")) == msg->body.n);
}

void check_heard(struct world *w, const struct asked *asked, const struct ipc_msg *msg) {
    MUST(msg->fd < 0); /* the keeper hands out no descriptor */
    MUST(msg->status == SD_OK || msg->body.n == 0);
    search_keys(w, asked, msg->body);
    search_signatures(w, asked, msg);
}
