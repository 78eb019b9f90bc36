#include "edge/door.h"

#include "core/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4096 /* a power of two; chains stay short at 20,000 sessions */

struct visitor {
    struct visitor *next;
    uint8_t key[16];
    size_t count;
};

struct door {
    pthread_mutex_t lock;
    size_t max, max_per_address, count;
    uint64_t salt; /* an attacker who picks addresses does not pick slots */
    struct visitor *slots[SLOTS];
};

struct door *door_new(size_t max, size_t max_per_address) {
    struct door *door = calloc(1, sizeof *door);
    if (!door)
        return NULL;
    pthread_mutex_init(&door->lock, NULL);
    door->max = max;
    door->max_per_address = max_per_address;
    random_bytes(&door->salt, sizeof door->salt);
    return door;
}

void door_free(struct door **door) {
    if (!*door)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        for (struct visitor *v = (*door)->slots[i], *next; v; v = next) {
            next = v->next;
            free(v);
        }
    pthread_mutex_destroy(&(*door)->lock);
    free(*door);
    *door = NULL;
}

static void key_of(const uint8_t ip[16], uint8_t key[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(key, ip, 16);
    if (memcmp(ip, mapped, sizeof mapped) != 0)
        memset(key + 8, 0, 8);
}

static struct visitor **slot_of(struct door *door, const uint8_t key[16]) {
    uint64_t h = door->salt;
    for (size_t i = 0; i < 16; i++)
        h = (h ^ key[i]) * UINT64_C(0x100000001b3);
    return &door->slots[(h >> 32) & (SLOTS - 1)];
}

/* Where the visitor with this key hangs, or where a new one would. */
static struct visitor **find(struct door *door, const uint8_t key[16]) {
    struct visitor **at = slot_of(door, key);
    while (*at && memcmp((*at)->key, key, 16) != 0)
        at = &(*at)->next;
    return at;
}

/* Under the lock. */
static enum door_answer enter(struct door *door, const uint8_t key[16]) {
    struct visitor **at = find(door, key);
    if (door->count >= door->max)
        return DOOR_CLOSED_FULL;
    if (*at && (*at)->count >= door->max_per_address)
        return DOOR_CLOSED_ADDRESS;
    if (!*at && (*at = calloc(1, sizeof **at)))
        memcpy((*at)->key, key, 16);
    if (!*at)
        return DOOR_CLOSED_FULL;
    (*at)->count++;
    door->count++;
    return DOOR_OPEN;
}

enum door_answer door_enter(struct door *door, const uint8_t ip[16]) {
    uint8_t key[16];
    key_of(ip, key);
    pthread_mutex_lock(&door->lock);
    enum door_answer answer = enter(door, key);
    pthread_mutex_unlock(&door->lock);
    return answer;
}

void door_leave(struct door *door, const uint8_t ip[16]) {
    uint8_t key[16];
    key_of(ip, key);
    pthread_mutex_lock(&door->lock);
    struct visitor **at = find(door, key);
    struct visitor *v = *at;
    if (v) {
        door->count--;
        if (--v->count == 0) {
            *at = v->next;
            free(v);
        }
    }
    pthread_mutex_unlock(&door->lock);
}

size_t door_count(struct door *door) {
    pthread_mutex_lock(&door->lock);
    size_t count = door->count;
    pthread_mutex_unlock(&door->lock);
    return count;
}
