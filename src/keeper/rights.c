#include "keeper/rights.h"

const char *object_kind_text(enum object_kind kind) {
    switch (kind) {
    case OBJECT_LETTER:
        return "letter";
    case OBJECT_FILE:
        return "file";
    case OBJECT_ANSWER:
        return "answer";
    case OBJECT_NONE:
        break;
    }
    return "object";
}

const char *disposition_word(unsigned disposition) {
    static const char *const words[] = {
#define X(name, text) text,
        DISPOSITION_LIST(X)
#undef X
    };
    return disposition < SD_COUNT(words) ? words[disposition] : "unknown";
}

enum right right_ticket(enum person_role role, bool has_queue) {
    return (role == ROLE_AGENT || role == ROLE_SUPERVISOR) && has_queue ? RIGHT_GRANTED : RIGHT_DENIED;
}

enum right right_search(enum person_role role) {
    return role == ROLE_AGENT || role == ROLE_SUPERVISOR ? RIGHT_GRANTED : RIGHT_DENIED;
}

enum gate_verdict right_attachments(const struct gates *gates, const struct object_facts *object) {
    return object->decided ? GATE_OPENS : gate_opens(gates, GATE_ATTACHMENTS, object->trust, object->disposition);
}

static enum right letter_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet) {
    switch (facet) {
    case FACET_HEAD:
    case FACET_TEXT: /* the inspector's own words, never bytes of an attachment */
        return RIGHT_GRANTED;
    case FACET_SOURCE:
        if (object->has_files && attachments != GATE_OPENS)
            return RIGHT_UNFIT;
        return object->state == OBJECT_CLEAN ? RIGHT_GRANTED : RIGHT_UNFIT;
    default:
        return RIGHT_DENIED;
    }
}

static enum right answer_facet(unsigned facet) {
    return facet == FACET_HEAD || facet == FACET_TEXT || facet == FACET_SOURCE || facet == FACET_RECEIPT ? RIGHT_GRANTED
                                                                                                         : RIGHT_DENIED;
}

enum right right_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet) {
    if (object->kind == OBJECT_ANSWER)
        return answer_facet(facet);
    if (object->disposition != DISPOSITION_ACCEPT && object->disposition != DISPOSITION_FLAG &&
        object->disposition != DISPOSITION_REVIEW)
        return RIGHT_UNFIT;
    if (object->kind == OBJECT_LETTER)
        return letter_facet(object, attachments, facet);
    if (object->kind == OBJECT_FILE && facet == FACET_FILE)
        return object->state == OBJECT_CLEAN && attachments == GATE_OPENS ? RIGHT_GRANTED : RIGHT_UNFIT;
    return RIGHT_DENIED;
}

enum right right_state(enum ticket_state from, enum ticket_state to) {
    return from == TICKET_QUARANTINE || to == TICKET_QUARANTINE || to == TICKET_REVIEW ? RIGHT_UNFIT : RIGHT_GRANTED;
}

enum right right_answer(enum ticket_state state) {
    return state == TICKET_OPEN || state == TICKET_PENDING || state == TICKET_CLOSED ? RIGHT_GRANTED : RIGHT_UNFIT;
}
