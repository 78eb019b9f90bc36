#include "keeper/threading.h"

enum join threading_join(const struct proposal *proposal, enum disposition disposition) {
    /* review and quarantine never touch a ticket that people trust */
    if (disposition != DISPOSITION_ACCEPT && disposition != DISPOSITION_FLAG)
        return JOIN_NO;
    if (!proposal->same_queue || proposal->state == TICKET_QUARANTINE)
        return JOIN_NO;
    return proposal->by_token || proposal->sender_participant ? JOIN_YES : JOIN_NO;
}

enum ticket_state threading_state_joined(enum ticket_state state) {
    return state == TICKET_CLOSED || state == TICKET_PENDING ? TICKET_OPEN : state;
}

enum ticket_state threading_state_new(enum disposition disposition) {
    switch (disposition) {
    case DISPOSITION_ACCEPT:
    case DISPOSITION_FLAG:
        return TICKET_OPEN;
    case DISPOSITION_REVIEW:
        return TICKET_REVIEW;
    default:
        return TICKET_QUARANTINE;
    }
}
