#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINTED_BYTES 128
#define BLOCK_BYTES ((size_t)16 * 1024) /* most messages and requests fit in one or two */

struct block {
    struct block *next;
    size_t cap;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    struct block *blocks;
    size_t max;
    size_t used;
    enum sd_err err;
};

struct arena *arena_new(size_t max) {
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->max = max;
    return arena;
}

void arena_free(struct arena **arena) {
    if (!*arena)
        return;
    for (struct block *b = (*arena)->blocks, *next; b; b = next) {
        next = b->next;
        explicit_bzero(b->bytes, b->used);
        free(b);
    }
    free(*arena);
    *arena = NULL;
}

static struct block *block_with_room(struct arena *arena, size_t n) {
    struct block *b = arena->blocks;
    if (b && b->cap - b->used >= n)
        return b;
    size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    b = malloc(sizeof *b + cap);
    if (!b)
        return NULL;
    *b = (struct block){.next = arena->blocks, .cap = cap};
    arena->blocks = b;
    return b;
}

void *arena_alloc(struct arena *arena, size_t n) {
    if (arena->err)
        return NULL;
    if (n > arena->max - arena->used) {
        arena->err = SD_ERR_LIMIT;
        return NULL;
    }
    size_t rounded = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct block *b = block_with_room(arena, rounded ? rounded : alignof(max_align_t));
    if (!b) {
        arena->err = SD_ERR_NOMEM;
        return NULL;
    }
    void *p = b->bytes + b->used;
    b->used += rounded;
    arena->used += n;
    memset(p, 0, rounded);
    return p;
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        arena->err = SD_ERR_LIMIT;
        return NULL;
    }
    return arena_alloc(arena, n);
}

struct span arena_span(struct arena *arena, struct span s) {
    uint8_t *p = arena_alloc(arena, s.n);
    if (!p)
        return SPAN_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    return span_of(p, s.n);
}

struct span arena_printf(struct arena *arena, const char *format, ...) {
    char small[PRINTED_BYTES]; /* names and addresses fit: they need not be formatted twice */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof small)
        return span_sub(arena_span(arena, span_of(small, (size_t)n + 1)), 0, (size_t)n);
    char *p = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
    if (!p)
        return SPAN_NONE;
    va_start(args, format);
    (void)vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return span_of(p, (size_t)n);
}

const char *arena_cstr(struct arena *arena, struct span s) {
    if (span_find(s, 0) != s.n)
        return NULL;
    char *p = arena_alloc(arena, s.n + 1);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

enum sd_err arena_err(const struct arena *arena) {
    return arena->err;
}

size_t arena_used(const struct arena *arena) {
    return arena->used;
}
