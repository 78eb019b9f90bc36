/*
 * found.h - what was found in one letter and in each of its attachments, by structure and by virus scanner; as it is told to
 * the keeper.
 */
#ifndef SD_INSPECT_FOUND_H
#define SD_INSPECT_FOUND_H

#include "core/ipc/states.h"
#include "core/limits.h"
#include "crypt/crypt.h"
#include "inspect/scanner.h"
#include "mail/mail.h"

struct inspector;

struct found {
    struct sha256 digest;
    uint64_t findings; /* bits 1 << enum finding */
    char signature[SIGNATURE_BYTES + 1];
};

/* In an arena: it is large. */
struct letter_found {
    struct found letter; /* of its bytes as they came */
    struct found files[LIMIT_ATTACHMENTS];
    size_t count;
    char engine[ENGINE_BYTES + 1]; /* the scanner as it was before it began */
    bool scanner_down;             /* one is configured, and did not answer */
};

/* The letter and its attachments, decoded, as found by attachments_each(). */
struct letter_parts {
    struct span bytes;
    struct sha256 digest;
    const struct mail_message *message; /* of these bytes */
    struct span files[LIMIT_ATTACHMENTS];
    size_t count;
    mail_ambiguities ambiguities;
};

/* Errors are ours only, and then nothing is known of the letter. SD_ERR_UNSUPPORTED: nobody is here who looks into attachments.
 */
enum sd_err found_look(struct inspector *in, const struct letter_parts *parts, struct deadline deadline,
                       struct letter_found *ret) SD_MUST_CHECK;

/* The worst of all its parts. */
enum object_state found_worst(const struct letter_found *found);

/* Tells the keeper; object all zero: the letter is at the door. */
enum sd_err found_tell(const struct inspector *in, const uint8_t object[16], const struct letter_found *found) SD_MUST_CHECK;

#endif
