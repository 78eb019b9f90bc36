#include "core/ipc/states.h"

#define X(name, text) text,
static const char *const object_states[] = {OBJECT_STATE_LIST(X)};
static const char *const ticket_states[] = {TICKET_STATE_LIST(X)};
static const char *const delivery_states[] = {DELIVERY_STATE_LIST(X)};
static const char *const person_roles[] = {ROLE_LIST(X)};
static const char *const ticket_actions[] = {TICKET_ACTION_LIST(X)};
static const char *const categories[] = {CATEGORY_LIST(X)};
static const char *const factors[] = {FACTOR_LIST(X)};
#undef X

#define X(name, word, scope, step_up, eyes, what) {word, what, SCOPE_##scope, STEP_UP_##step_up, EYES_##eyes},
static const struct verb_facts verbs[] = {VERB_LIST(X)};
#undef X

static const struct {
    const char *text, *sentence;
    enum object_state state;
} findings[] = {
#define X(name, text, state, sentence) {text, sentence, OBJECT_##state},
    FINDING_LIST(X)
#undef X
};
_Static_assert(FINDING_COUNT <= 63, "findings are bits of a stored 64-bit number, whose sign stays free");

static const struct {
    const char *text, *sentence;
    enum alarm_told told;
} alarms[] = {
#define X(name, text, told, sentence) {text, sentence, TOLD_##told},
    ALARM_LIST(X)
#undef X
};

static const char *word(const char *const *words, size_t count, unsigned i) {
    return i < count ? words[i] : "unknown";
}

static bool find(const char *const *words, size_t count, struct span text, unsigned *ret) {
    for (unsigned i = 0; i < count; i++)
        if (span_eq(text, span_cstr(words[i]))) {
            *ret = i;
            return true;
        }
    return false;
}

const char *object_state_text(unsigned state) {
    return word(object_states, SD_COUNT(object_states), state);
}

const char *ticket_state_text(unsigned state) {
    return word(ticket_states, SD_COUNT(ticket_states), state);
}

const char *delivery_state_text(unsigned state) {
    return word(delivery_states, SD_COUNT(delivery_states), state);
}

const char *person_role_text(unsigned role) {
    return word(person_roles, SD_COUNT(person_roles), role);
}

const char *ticket_action_text(unsigned action) {
    return word(ticket_actions, SD_COUNT(ticket_actions), action);
}

bool ticket_state_from(struct span text, enum ticket_state *ret) {
    unsigned i;
    if (!find(ticket_states, SD_COUNT(ticket_states), text, &i))
        return false;
    *ret = (enum ticket_state)i;
    return true;
}

bool person_role_from(struct span text, enum person_role *ret) {
    unsigned i;
    if (!find(person_roles, SD_COUNT(person_roles), text, &i))
        return false;
    *ret = (enum person_role)i;
    return true;
}

const struct verb_facts *verb_facts(unsigned verb) {
    return verb < SD_COUNT(verbs) ? &verbs[verb] : NULL;
}

const char *verb_text(unsigned verb) {
    return verb < SD_COUNT(verbs) ? verbs[verb].word : "unknown";
}

bool verb_from(struct span text, enum verb *ret) {
    for (unsigned i = 0; i < SD_COUNT(verbs); i++)
        if (span_eq(text, span_cstr(verbs[i].word))) {
            *ret = (enum verb)i;
            return true;
        }
    return false;
}

const char *category_text(unsigned category) {
    return word(categories, SD_COUNT(categories), category);
}

bool category_from(struct span text, enum category *ret) {
    unsigned i;
    if (!find(categories, SD_COUNT(categories), text, &i))
        return false;
    *ret = (enum category)i;
    return true;
}

const char *factor_text(unsigned factor) {
    return word(factors, SD_COUNT(factors), factor);
}

const char *finding_text(unsigned finding) {
    return finding < SD_COUNT(findings) ? findings[finding].text : "unknown";
}

const char *finding_sentence(unsigned finding) {
    return finding < SD_COUNT(findings) ? findings[finding].sentence : "";
}

static unsigned badness(enum object_state state) {
    switch (state) {
    case OBJECT_CLEAN:
        return 0;
    case OBJECT_SUSPICIOUS:
        return 1;
    case OBJECT_ENCRYPTED:
        return 2;
    case OBJECT_UNSCANNABLE:
        return 3;
    case OBJECT_UNSCANNED:
        return 4;
    case OBJECT_MALICIOUS:
        return 5;
    }
    return 4;
}

enum object_state object_state_worse(enum object_state a, enum object_state b) {
    return badness(a) >= badness(b) ? a : b;
}

enum object_state findings_state(uint64_t set) {
    enum object_state state = OBJECT_CLEAN;
    for (unsigned i = 0; i < SD_COUNT(findings); i++)
        if (set >> i & 1)
            state = object_state_worse(state, findings[i].state);
    return set >> SD_COUNT(findings) ? object_state_worse(state, OBJECT_UNSCANNED) : state;
}

const char *alarm_text(unsigned kind) {
    return kind < SD_COUNT(alarms) ? alarms[kind].text : "unknown";
}

const char *alarm_sentence(unsigned kind) {
    return kind < SD_COUNT(alarms) ? alarms[kind].sentence : "";
}

enum alarm_told alarm_told(unsigned kind) {
    return kind < SD_COUNT(alarms) ? alarms[kind].told : TOLD_EVERYBODY;
}
