/*
 * arena.h - memory that dies together with its message, session or request.
 *
 * arena_* never return NULL to a caller that checks once: after a failed allocation the arena is in error and every allocation
 * is NULL; callers test the pointer. Memory is zeroed. Not thread-safe: one arena, one thread.
 */
#ifndef SD_CORE_ARENA_H
#define SD_CORE_ARENA_H

#include "core/span.h"

struct arena;

/* max: hard maximum of all bytes handed out. NULL when out of memory. */
struct arena *arena_new(size_t max);
void arena_free(struct arena **arena); /* takes NULL; wipes */

void *arena_alloc(struct arena *arena, size_t n); /* zeroed, aligned for anything; NULL at the maximum or without memory */
void *arena_array(struct arena *arena, size_t count, size_t size); /* overflow-checked */
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

/* Copies; an empty span with p = NULL when it failed and s was not empty (see arena_err). */
struct span arena_span(struct arena *arena, struct span s);
struct span arena_printf(struct arena *arena, const char *format, ...) SD_PRINTF(2, 3);
/* NUL-terminated copy for C libraries; NULL when s contains NUL or memory ran out. */
const char *arena_cstr(struct arena *arena, struct span s);

/* SD_OK, SD_ERR_LIMIT (at the maximum) or SD_ERR_NOMEM; sticky. */
enum sd_err arena_err(const struct arena *arena) SD_MUST_CHECK;
size_t arena_used(const struct arena *arena);

#endif
