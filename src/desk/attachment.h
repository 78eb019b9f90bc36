/* attachment.h - attachments by their own ids, and as JSON. */
#ifndef SD_DESK_ATTACHMENT_H
#define SD_DESK_ATTACHMENT_H

#include "desk/custody.h"
#include "desk/reading.h"
#include "store/message.h"

/* The one that the path names. For finding alone: what may be done with it is the keeper's word. SD_ERR_NOTFOUND. */
enum sd_err attachment_find(struct desk *desk, struct exchange *x, struct attachment_row *ret) SD_MUST_CHECK;

/* What its letter's head card calls it, in the exchange's arena; empty when that cannot be read, or not by this person. Asks
 * the keeper: hold no store connection. */
enum sd_err attachment_name(struct desk *desk, struct exchange *x, const struct attachment_row *row,
                            struct span *ret) SD_MUST_CHECK;
struct span attachment_name_in(const struct cards_head_v1 *card, uint16_t index);

/* An array of {"id","name","type","size"} and what custody says of each, under a key. */
void put_attachments(struct json_out *j, const char *key, const struct object_id *letter, const struct cards_head_v1 *card,
                     const struct custody *custody);

/* One of the few places for large answers (desk.h); SD_ERR_BUSY when none is free in time. Left with sem_post. */
enum sd_err place_take(sem_t *places, struct deadline deadline) SD_MUST_CHECK;

#endif
