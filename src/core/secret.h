/*
 * secret.h - keys and passwords: locked in memory, left out of core dumps, wiped when freed. No function prints one.
 *
 *   struct secret key SD_CLEANUP(secret_free) = {0};
 *   enum sd_err err = secret_new(32, &key);
 *
 * Small secrets share locked pages. Thread-safe.
 */
#ifndef SD_CORE_SECRET_H
#define SD_CORE_SECRET_H

#include "core/span.h"

#define SECRET_MAX_BYTES 4096 /* an RSA-4096 private key in DER is 2.4 KB */

struct secret {
    uint8_t *p;
    size_t n;
};

enum sd_err secret_new(size_t n, struct secret *ret) SD_MUST_CHECK;    /* zeroed */
enum sd_err secret_random(size_t n, struct secret *ret) SD_MUST_CHECK; /* from getrandom(2) */
enum sd_err secret_copy(struct span s, struct secret *ret) SD_MUST_CHECK;
void secret_free(struct secret *s); /* wipes; takes an empty one */
struct span secret_span(const struct secret *s);
/* Moves ownership: *from becomes empty. */
struct secret secret_take(struct secret *from);

/* n random bytes from getrandom(2); never fails short: aborts when the kernel has none (cannot happen after boot). */
void random_bytes(void *p, size_t n);

#endif
