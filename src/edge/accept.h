/*
 * accept.h - what happens to a message that was read whole: judged, sealed for each queue, made durable in the intake,
 * answered. The 250 is the promise that it survives everything from here on.
 */
#ifndef SD_EDGE_ACCEPT_H
#define SD_EDGE_ACCEPT_H

#include "edge/session.h"

/* Answers for s->transaction, whose body is the message. The transaction is the caller's to free. */
void accept_letter(struct session *s);

#endif
