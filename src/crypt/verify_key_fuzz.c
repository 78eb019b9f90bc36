/* Public keys and signatures as strangers publish them in DNS: algorithm, key length, key, signature. */
#include "crypt/crypt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r = reader_of(span_of(data, size));
    enum sign_algorithm algorithm = read_u8(&r) & 1 ? SIGN_RSA_SHA256 : SIGN_ED25519;
    struct span public_key = read_bytes(&r, read_u16(&r));
    struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
    enum sd_err err = verify_key_new(algorithm, public_key, &key);
    if ((err == SD_OK) != (key != NULL))
        abort();
    if (key && verify_key_bits(key) > 8192)
        abort(); /* over the limit that bounds a verification's cost */
    if (key)
        err = verify_signature(key, SPAN("signed data"), r.rest);
    (void)err;
    return 0;
}
