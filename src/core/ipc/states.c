#include "core/ipc/states.h"

#define X(name, text) text,
static const char *const object_states[] = {OBJECT_STATE_LIST(X)};
static const char *const ticket_states[] = {TICKET_STATE_LIST(X)};
static const char *const delivery_states[] = {DELIVERY_STATE_LIST(X)};
static const char *const person_roles[] = {ROLE_LIST(X)};
static const char *const ticket_actions[] = {TICKET_ACTION_LIST(X)};
#undef X

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
