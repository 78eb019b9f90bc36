#include "keeper/threading.h"

static bool held(const struct standing *standing) {
    return standing->disposition != DISPOSITION_ACCEPT && standing->disposition != DISPOSITION_FLAG;
}

static bool opens(const struct gates *gates, enum gate gate, const struct standing *standing) {
    return gate_opens(gates, gate, standing->trust, standing->disposition) == GATE_OPENS;
}

enum customer threading_customer(const struct gates *gates, const struct part *part, const struct standing *standing) {
    if (held(standing) || !part->takes)
        return CUSTOMER_NO;
    if (opens(gates, GATE_CUSTOMER, standing))
        return CUSTOMER_YES;
    /* Whose domain proves nothing stays who they were; who was verified once is not to be had for less. */
    return part->trust != TRUST_VERIFIED && standing->trust >= part->trust ? CUSTOMER_YES : CUSTOMER_NO;
}

enum customer threading_opener(const struct standing *standing) {
    return held(standing) ? CUSTOMER_NO : CUSTOMER_YES;
}

enum join threading_join(const struct gates *gates, const struct proposal *p, const struct standing *standing) {
    if (!p->same_queue || p->state == TICKET_QUARANTINE || p->state == TICKET_SPAM || !opens(gates, GATE_APPEND, standing))
        return JOIN_NO;
    if (p->by_token)
        return JOIN_YES;
    if (!p->part.takes)
        return JOIN_NO;
    /* The sender of any letter chose its Message-ID, and whoever saw it can refer to it. */
    return p->ours || threading_customer(gates, &p->part, standing) == CUSTOMER_YES ? JOIN_YES : JOIN_NO;
}

enum ticket_state threading_state_joined(const struct gates *gates, const struct proposal *p, const struct standing *standing) {
    if (p->state != TICKET_CLOSED && p->state != TICKET_PENDING)
        return p->state;
    if (standing->automatic || !opens(gates, GATE_REOPEN, standing))
        return p->state;
    return p->by_token || threading_customer(gates, &p->part, standing) == CUSTOMER_YES ? TICKET_OPEN : p->state;
}

struct opening threading_open(const struct gates *gates, const struct standing *standing) {
    struct opening opening = {TICKET_OPEN, standing->disposition, NULL};
    if (opens(gates, GATE_OPEN, standing))
        return opening;
    bool gated = !held(standing);
    if (opens(gates, GATE_REVIEW, standing))
        return (struct opening){TICKET_REVIEW, DISPOSITION_REVIEW, gated ? "gate-open" : NULL};
    opening.state = TICKET_QUARANTINE;
    if (opening.disposition > DISPOSITION_QUARANTINE) {
        opening.disposition = DISPOSITION_QUARANTINE;
        opening.shut = "gate-review";
    }
    return opening;
}

enum people threading_people(const struct gates *gates, enum customer customer, enum ticket_state state,
                             const struct standing *standing) {
    if (customer != CUSTOMER_YES || standing->automatic || state == TICKET_REVIEW || state == TICKET_QUARANTINE)
        return PEOPLE_STAY_OUT;
    return opens(gates, GATE_ADD_PEOPLE, standing) ? PEOPLE_COME_IN : PEOPLE_STAY_OUT;
}
