/* fuzz_world.h - what the fuzz targets of this folder share: a scripted zone and an arena per input. */
#ifndef SD_AUTH_FUZZ_WORLD_H
#define SD_AUTH_FUZZ_WORLD_H

#include "auth/dns_script.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(bool ok) {
    if (!ok)
        abort();
}

static inline struct dns_script *fuzz_zone(const char *lines) {
    struct dns_script *script = NULL;
    if (dns_script_new(&script) || dns_script_load(script, span_cstr(lines)))
        abort();
    return script;
}

#endif
