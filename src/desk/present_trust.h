/* present_trust.h - what is said about who sent one message: the sealed head card with what the store's columns add. */
#ifndef SD_DESK_PRESENT_TRUST_H
#define SD_DESK_PRESENT_TRUST_H

#include "core/ipc/cards.h"
#include "core/json_out.h"
#include "desk/desk.h"
#include "store/message.h"

/* "trust": level, domain, sentence, line, checks, signals, known, encrypted; "disposition", "disposition_reason",
 * "as_customer". */
void put_sender(const struct desk *desk, struct json_out *j, const struct cards_head_v1 *card, const struct message_row *row);
/* Signals that weigh something. */
unsigned count_warnings(const struct desk *desk, const struct cards_head_v1 *card, const struct message_row *row);

#endif
