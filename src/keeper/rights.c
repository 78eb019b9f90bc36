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

/* ---- rules ---- */

bool rule_applies(const struct rule *rule, const struct wanted *wanted, int64_t now_ms) {
    const struct verb_facts *verb = verb_facts(wanted->verb);
    if (!verb || !(rule->verbs >> wanted->verb & 1) || now_ms < rule->from_ms || (rule->until_ms && now_ms >= rule->until_ms))
        return false;
    if (verb->scope == SCOPE_SYSTEM)
        return true;
    bool here = rule->everywhere || span_eq(span_of(rule->queue, rule->queue_bytes), wanted->queue);
    return here && (rule->categories >> wanted->category & 1);
}

enum right rights_judge(const struct rule *rules, size_t count, const struct wanted *wanted, int64_t now_ms,
                        const struct rule **ret_rule) {
    const struct rule *allows = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!rule_applies(&rules[i], wanted, now_ms))
            continue;
        if (!rules[i].allow) {
            *ret_rule = &rules[i];
            return RIGHT_DENIED;
        }
        if (!allows)
            allows = &rules[i];
    }
    *ret_rule = allows;
    return allows ? RIGHT_GRANTED : RIGHT_DENIED;
}

uint32_t rights_verbs(const struct rule *rules, size_t count, int64_t now_ms) {
    uint32_t allowed = 0, denied = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        if (now_ms < rule->from_ms || (rule->until_ms && now_ms >= rule->until_ms))
            continue;
        if (rule->allow)
            allowed |= rule->verbs;
        else if (rule->everywhere && rule->categories == CATEGORIES_ALL)
            denied |= rule->verbs;
    }
    return allowed & ~denied;
}

#define OF_EVERYBODY (VERB_BIT(FACTORS) | VERB_BIT(EXCEED) | VERB_BIT(TOKENS))
#define OF_AGENTS                                                                                                              \
    (VERB_BIT(LIST) | VERB_BIT(OPEN) | VERB_BIT(DOWNLOAD) | VERB_BIT(REPLY) | VERB_BIT(STATE) | VERB_BIT(ASSIGN) |             \
     VERB_BIT(MOVE) | VERB_BIT(CLASSIFY) | VERB_BIT(HISTORY) | VERB_BIT(SEARCH))

struct role_facts role_facts(enum person_role role) {
    static const uint8_t normal = 1 << CATEGORY_NORMAL, confidential = 1 << CATEGORY_CONFIDENTIAL;
    switch (role) {
    case ROLE_AGENT:
        return (struct role_facts){
            .own_queues = OF_AGENTS, .system = OF_EVERYBODY | VERB_BIT(BREAK_GLASS), .categories = normal};
    case ROLE_SUPERVISOR:
        return (struct role_facts){.own_queues = OF_AGENTS | VERB_BIT(EXPORT) | VERB_BIT(PURGE),
                                   .system = OF_EVERYBODY | VERB_BIT(BREAK_GLASS),
                                   .categories = normal | confidential};
    case ROLE_SECURITY:
        return (struct role_facts){.all_queues = VERB_BIT(RELEASE),
                                   .system = OF_EVERYBODY | VERB_BIT(BREAK_GLASS) | VERB_BIT(AUDIT) | VERB_BIT(SESSIONS) |
                                             VERB_BIT(ALARMS) | VERB_BIT(WARRANTS) | VERB_BIT(RESET),
                                   .categories = CATEGORIES_ALL};
    case ROLE_PRIVACY:
        return (struct role_facts){.all_queues = VERB_BIT(PURGE) | VERB_BIT(EXPORT),
                                   .system = OF_EVERYBODY | VERB_BIT(BREAK_GLASS) | VERB_BIT(POLICY) | VERB_BIT(ALARMS) |
                                             VERB_BIT(WARRANTS),
                                   .categories = CATEGORIES_ALL};
    case ROLE_ADMIN:
        return (struct role_facts){.system = OF_EVERYBODY | VERB_BIT(PEOPLE) | VERB_BIT(RESET) | VERB_BIT(SESSIONS) |
                                             VERB_BIT(KEYS) | VERB_BIT(ALARMS)};
    case ROLE_AUDITOR:
        return (struct role_facts){.system = OF_EVERYBODY | VERB_BIT(AUDIT) | VERB_BIT(ALARMS)};
    case ROLE_NOBODY:
        break;
    }
    return (struct role_facts){0};
}

uint32_t rights_conflicting(void) {
    return VERB_BIT(PEOPLE) | VERB_BIT(PURGE) | VERB_BIT(POLICY);
}

bool rights_conflict(uint32_t verbs) {
    return (verbs & VERB_BIT(PEOPLE)) && (verbs & (VERB_BIT(PURGE) | VERB_BIT(POLICY)));
}

/* ---- objects ---- */

enum gate_verdict right_attachments(const struct gates *gates, const struct object_facts *object) {
    if (object->decided || object->released)
        return GATE_OPENS;
    return gate_opens(gates, GATE_ATTACHMENTS, object->trust, object->disposition);
}

static bool may_have(const struct object_facts *object) {
    return object->state == OBJECT_CLEAN || object->released;
}

static enum right letter_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet) {
    switch (facet) {
    case FACET_HEAD:
    case FACET_TEXT: /* the inspector's own words, never bytes of an attachment */
    case FACET_HTML: /* the same, by an allow-list */
        return RIGHT_GRANTED;
    case FACET_SOURCE:
        if (object->has_files && attachments != GATE_OPENS)
            return RIGHT_UNFIT;
        return may_have(object) ? RIGHT_GRANTED : RIGHT_UNFIT;
    default:
        return RIGHT_DENIED;
    }
}

static enum right file_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet) {
    bool shown = may_have(object) || (object->state == OBJECT_SUSPICIOUS && object->show_suspicious);
    switch (facet) {
    case FACET_FILE:
        return may_have(object) && attachments == GATE_OPENS ? RIGHT_GRANTED : RIGHT_UNFIT;
    case FACET_PREVIEW:
        return shown && attachments == GATE_OPENS ? RIGHT_GRANTED : RIGHT_UNFIT;
    default:
        return RIGHT_DENIED;
    }
}

static enum right answer_facet(unsigned facet) {
    return facet == FACET_HEAD || facet == FACET_TEXT || facet == FACET_SOURCE || facet == FACET_RECEIPT ? RIGHT_GRANTED
                                                                                                         : RIGHT_DENIED;
}

/* What is quarantined is read by nobody until it is released; then it is as if it were in Review. */
static bool is_readable(const struct object_facts *object) {
    switch (object->disposition) {
    case DISPOSITION_ACCEPT:
    case DISPOSITION_FLAG:
    case DISPOSITION_REVIEW:
        return true;
    case DISPOSITION_QUARANTINE:
        return object->released || object->letter_released;
    case DISPOSITION_TEMPFAIL:
    case DISPOSITION_REJECT:
        break;
    }
    return false;
}

enum right right_facet(const struct object_facts *object, enum gate_verdict attachments, unsigned facet) {
    if (object->destroyed)
        return RIGHT_UNFIT;
    if (object->kind == OBJECT_ANSWER)
        return answer_facet(facet);
    if (!is_readable(object))
        return RIGHT_UNFIT;
    if (object->kind == OBJECT_LETTER)
        return letter_facet(object, attachments, facet);
    return object->kind == OBJECT_FILE ? file_facet(object, attachments, facet) : RIGHT_DENIED;
}

enum right right_state(enum ticket_state from, enum ticket_state to) {
    return from == TICKET_QUARANTINE || to == TICKET_QUARANTINE || to == TICKET_REVIEW ? RIGHT_UNFIT : RIGHT_GRANTED;
}

enum right right_answer(enum ticket_state state) {
    return state == TICKET_OPEN || state == TICKET_PENDING || state == TICKET_CLOSED ? RIGHT_GRANTED : RIGHT_UNFIT;
}

enum verb facet_verb(unsigned facet) {
    switch (facet) {
    case FACET_HEAD:
        return VERB_LIST;
    case FACET_SOURCE:
    case FACET_FILE:
        return VERB_DOWNLOAD;
    default:
        return VERB_OPEN;
    }
}
