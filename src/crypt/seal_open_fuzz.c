/*
 * What lies in the store and the intake: sealed facets and HPKE records, under fixed keys. As a changed byte never gets past
 * the tag, the third kind of input is sealed here first, so that what stands behind it is reached too.
 */
#include "crypt/seal.h"

#include <stdlib.h>

#define MAX_PLAIN ((size_t)64 * 1024)
#define HEADER_BYTES 9

static const struct object_id object = {"fuzzed object 1"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_sealed(struct span key, struct span sealed) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    enum sd_err err = open_facet(key, &object, FACET_TEXT, sealed, MAX_PLAIN, &plain);
    if (err && plain.n)
        abort(); /* nothing may come out of a forgery */
}

static void open_record(struct span key, struct span sealed) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    if (secret_copy(key, &private_key))
        abort();
    enum sd_err err = hpke_open(&private_key, SPAN("info"), SPAN("aad"), sealed, &plain);
    if (err && plain.n)
        abort();
}

/* Header and zstd frame as given, sealed as one last chunk. */
static void open_frame(struct span key, struct span input) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(input.n + GCM_TAG_BYTES);
    struct buf aad SD_CLEANUP(buf_free) = buf_new(100);
    const uint8_t nonce[GCM_NONCE_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct span header = span_sub(input, 0, HEADER_BYTES);
    buf_put(&aad, span_of(object.b, sizeof object.b));
    buf_u8(&aad, FACET_TEXT);
    buf_put(&aad, header);
    buf_put(&sealed, header);
    if (crypt_gcm_seal(key, nonce, buf_span(&aad), span_from(input, HEADER_BYTES), &sealed) == SD_OK)
        open_sealed(key, buf_span(&sealed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct span key = SPAN("0123456789abcdef0123456789abcdef");
    struct span input = span_from(span_of(data, size), 1);
    switch (size ? data[0] % 3 : 0) {
    case 0:
        open_sealed(key, input);
        break;
    case 1:
        open_record(key, input);
        break;
    default:
        open_frame(key, input);
    }
    return 0;
}
