/* Fuzz target: an export, or a proof with a record behind it (after a line "----"), against a key that signed some of the
 * corpus. */
#include "verify/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "a.example/sealdesk+efd4a002+AfSxW3XMs6ntC65pHRtBkOJlUaWQmqAu93fj2vNVcWbQ"

static void fuzz_export(const struct key *key, const uint8_t *data, size_t size) {
    struct report report = {.json = true};
    struct kept kept[2] = {{.name = "one", .checkpoint.size = 2}, {.name = "two", .checkpoint.size = 100}};
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");
    if (!in)
        return;
    verify_export(in, key, kept, 2, &report);
    (void)fclose(in);
    if (!report.bad)
        abort(); /* a kept checkpoint has no root: nothing fits it */
}

static void fuzz_proof(const struct key *key, const uint8_t *data, size_t size) {
    struct report report = {0};
    struct kept kept = {.name = "one", .checkpoint.size = 2};
    const uint8_t *cut = size ? memmem(data, size, "----\n", 5) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size;
    struct text record = {cut ? (const char *)cut + 5 : "", cut ? size - n - 5 : 0};
    verify_proof((struct text){(const char *)data, n}, key, cut ? &record : NULL, &kept, 1, &report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct key key;
    if (key.origin_n == 0 && !key_read(KEY, &key))
        abort();
    if (size && data[0] == '{')
        fuzz_export(&key, data, size);
    else
        fuzz_proof(&key, data, size);
    return 0;
}
