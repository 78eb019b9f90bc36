#include "core/secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/*
 * Locked pages are cut into slots of one size class. A page belongs to one class for ever; free slots form a list. Keys are 32
 * bytes, so a page holds 127 of them, and RLIMIT_MEMLOCK (8 MiB by default) is not soon exhausted.
 */
#define PAGE_BYTES 4096
static const size_t classes[] = {32, 64, 256, 1024, SECRET_MAX_BYTES};

struct slot {
    struct slot *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *free_slots[SD_COUNT(classes)];

static size_t class_of(size_t n) {
    size_t i = 0;
    while (i < SD_COUNT(classes) && classes[i] < n)
        i++;
    return i;
}

static enum sd_err add_page(size_t class) {
    uint8_t *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return SD_ERR_NOMEM;
    (void)madvise(page, PAGE_BYTES, MADV_DONTDUMP);
    (void)madvise(page, PAGE_BYTES, MADV_WIPEONFORK);
    (void)mlock(page, PAGE_BYTES); /* over RLIMIT_MEMLOCK it stays unlocked; `sealdesk check` reports swap */
    for (size_t at = 0; at + classes[class] <= PAGE_BYTES; at += classes[class]) {
        struct slot *slot = (struct slot *)(void *)(page + at);
        slot->next = free_slots[class];
        free_slots[class] = slot;
    }
    return SD_OK;
}

enum sd_err secret_new(size_t n, struct secret *ret) {
    size_t class = class_of(n);
    if (class == SD_COUNT(classes))
        return SD_ERR_LIMIT;
    pthread_mutex_lock(&lock);
    enum sd_err err = free_slots[class] ? SD_OK : add_page(class);
    struct slot *slot = free_slots[class];
    if (!err)
        free_slots[class] = slot->next;
    pthread_mutex_unlock(&lock);
    if (err)
        return err;
    memset(slot, 0, classes[class]);
    *ret = (struct secret){(uint8_t *)slot, n};
    return SD_OK;
}

enum sd_err secret_random(size_t n, struct secret *ret) {
    struct secret s = {0};
    enum sd_err err = secret_new(n, &s);
    if (err)
        return err;
    random_bytes(s.p, n);
    *ret = s;
    return SD_OK;
}

enum sd_err secret_copy(struct span from, struct secret *ret) {
    struct secret s = {0};
    enum sd_err err = secret_new(from.n, &s);
    if (err)
        return err;
    if (from.n)
        memcpy(s.p, from.p, from.n);
    *ret = s;
    return SD_OK;
}

void secret_free(struct secret *s) {
    if (!s->p)
        return;
    size_t class = class_of(s->n);
    explicit_bzero(s->p, classes[class]);
    pthread_mutex_lock(&lock);
    struct slot *slot = (struct slot *)(void *)s->p;
    slot->next = free_slots[class];
    free_slots[class] = slot;
    pthread_mutex_unlock(&lock);
    *s = (struct secret){0};
}

struct span secret_span(const struct secret *s) {
    return span_of(s->p, s->n);
}

struct secret secret_take(struct secret *from) {
    struct secret s = *from;
    *from = (struct secret){0};
    return s;
}

void random_bytes(void *p, size_t n) {
    uint8_t *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue; /* only long requests can be interrupted */
        if (got < 0)
            abort(); /* no entropy means no keys: going on would be worse */
        at += got;
        n -= (size_t)got;
    }
}
