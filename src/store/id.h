/* id.h - the 16-byte names of tickets and warrants; those of objects are in crypt/seal.h. All are made by the keeper or the
 * edge. */
#ifndef SD_STORE_ID_H
#define SD_STORE_ID_H

#include "core/span.h"
#include "crypt/seal.h"

#define TICKET_ID_BYTES 16
#define WARRANT_ID_BYTES 16
#define DOMAIN_TAG_BYTES 16 /* keyed hash of a sender's domain, by the keeper */
#define PERSON_ID_MAX 32    /* bytes of a staff member's id, as keeper.def has it */

struct ticket_id {
    uint8_t b[TICKET_ID_BYTES];
};
struct warrant_id {
    uint8_t b[WARRANT_ID_BYTES];
};

/* From a message's FIXED field; SD_ERR_PARSE unless it has exactly the right length. */
enum sd_err ticket_id_from(struct span bytes, struct ticket_id *ret) SD_MUST_CHECK;
enum sd_err object_id_from(struct span bytes, struct object_id *ret) SD_MUST_CHECK;
enum sd_err warrant_id_from(struct span bytes, struct warrant_id *ret) SD_MUST_CHECK;

/* Views for FIXED fields and hexadecimal; valid as long as the id. */
struct span ticket_id_span(const struct ticket_id *id);
struct span object_id_span(const struct object_id *id);
struct span warrant_id_span(const struct warrant_id *id);

#endif
