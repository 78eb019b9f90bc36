/*
 * adversary_log.c - the log, read by a model of its own: where each ticket is, what kind it is, what became of it, who may.
 * What a record says was let out must have been allowed when it was written, by rules that are written down here once more.
 */
#include "auth/auth.h"
#include "core/codec.h"
#include "keeper/adversary.h"
#include "keeper/audit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct world *w;
    const struct phase *phase;
    json_t *record;
    struct span text;
    unsigned signed_out; /* bits of enum world_person */
};

static void must(const struct reading *r, bool good, const char *what) {
    if (good)
        return;
    (void)fprintf(stderr, "%s, seed %llu:\n%.*s\n", what, (unsigned long long)r->w->seed, (int)r->text.n,
                  (const char *)r->text.p);
    abort();
}

static const char *text_of(const struct reading *r, const char *key) {
    return json_string_value(json_object_get(r->record, key));
}

static bool says(const struct reading *r, const char *key, const char *value) {
    const char *text = text_of(r, key);
    return text && strcmp(text, value) == 0;
}

static struct span id_of(const char *hex, uint8_t to[16]) {
    return hex && hex_to_bytes(span_cstr(hex), to, 16) == SD_OK ? span_of(to, 16) : SPAN_NONE;
}

static const char *last_word(const char *text) {
    const char *space = text ? strrchr(text, ' ') : NULL;
    return space ? space + 1 : text ? text : "";
}

/* ---- who acts ---- */

static int person_at(const struct world *w, struct span id) {
    for (unsigned i = 0; i < PEOPLE; i++)
        if (span_eq(id, span_of(w->people[i], 16)))
            return (int)i;
    return -1;
}

static int warrant_at(const struct world *w, struct span id) {
    for (size_t i = 0; i < w->warrant_count; i++)
        if (span_eq(id, span_of(w->warrants[i], 16)))
            return (int)i;
    return -1;
}

/* A person, PEOPLE and a warrant, or -1. */
static int actor_of(const struct reading *r) {
    uint8_t bytes[16];
    json_t *actor = json_object_get(r->record, "actor");
    const char *kind = json_string_value(json_object_get(actor, "kind"));
    struct span id = id_of(json_string_value(json_object_get(actor, "id")), bytes);
    must(r, kind != NULL, "a record without an actor");
    if (strcmp(kind, "person") == 0)
        return person_at(r->w, id);
    int warrant = strcmp(kind, "warrant") == 0 ? warrant_at(r->w, id) : -1;
    return warrant >= 0 ? PEOPLE + warrant : -1;
}

/* Whoever knows an address can fail to sign in as its owner: that is what is recorded. */
static bool tries_to_get_in(const struct reading *r) {
    return (says(r, "action", "sign-in") && says(r, "outcome", "refused")) || says(r, "action", "enrol-start") ||
           says(r, "action", "alarm");
}

static void check_actor(const struct reading *r) {
    json_t *actor = json_object_get(r->record, "actor");
    const char *kind = json_string_value(json_object_get(actor, "kind"));
    const char *id = json_string_value(json_object_get(actor, "id"));
    int at = actor_of(r);
    if (strcmp(kind, "person") == 0 && id && *id && !tries_to_get_in(r))
        must(r, at >= 0 && (r->phase->people >> at & 1), "a person is named who did nothing");
    if (strcmp(kind, "warrant") == 0 && id && *id)
        must(r, at >= PEOPLE, "a warrant acts that there is not");
}

/* ---- what a peer chose stands in no record but as the origin, which is cut to what an address has ---- */

static void check_texts(const struct reading *r) {
    size_t marks = 0, allowed = 0;
    const char *origin = text_of(r, "origin");
    for (struct span rest = r->text; span_search(rest, SPAN(DRAW_MARK)) < rest.n; marks++)
        rest = span_from(rest, span_search(rest, SPAN(DRAW_MARK)) + 1);
    for (const char *at = origin; at && (at = strstr(at, DRAW_MARK)) != NULL; at++)
        allowed++;
    must(r, marks == allowed, "text that a peer chose stands in the log");
}

/* ---- where things are ---- */

static void set_born(struct reading *r, int object, int ticket, unsigned disposition) {
    struct world_object *o = &r->w->objects[object];
    o->there = true;
    o->ticket = ticket;
    o->disposition = disposition;
    o->decided_by = r->w->tickets[ticket].decisions;
}

static unsigned disposition_from(const char *reason) {
    static const char *const words[] = {
#define X(name, text) text,
        DISPOSITION_LIST(X)
#undef X
    };
    for (unsigned i = 0; i < SD_COUNT(words); i++)
        if (reason && strncmp(reason, words[i], strlen(words[i])) == 0)
            return i;
    return DISPOSITION_REJECT;
}

/* What the letter and its first attachment are by the only verdict that there is at the door; cards of before say it of letters
 * without attachments. */
static void set_found(struct reading *r, int letter) {
    struct world_object *o = &r->w->objects[letter];
    bool told = o->mail.inspected == WORLD_INSPECTED;
    enum object_state worst = told ? OBJECT_CLEAN : OBJECT_UNSCANNED, said = (enum object_state)o->mail.state;
    for (uint16_t i = 0; i < o->mail.attachments; i++) {
        struct world_object *file = &r->w->objects[letter + 1 + i];
        file->state = told && i == 0 && !o->mail.other_files ? OBJECT_CLEAN : OBJECT_UNSCANNED;
        worst = object_state_worse(worst, file->state);
    }
    if (o->mail.inspected == 0 && o->mail.attachments == 0)
        worst = said;
    else if (said != OBJECT_UNSCANNED && (told || said == OBJECT_MALICIOUS || said == OBJECT_UNSCANNABLE))
        worst = object_state_worse(worst, said);
    o->state = worst;
}

static enum object_state state_from(const char *reason) {
    size_t n = reason ? strcspn(reason, " ") : 0;
    for (unsigned s = 0; s <= OBJECT_UNSCANNABLE; s++)
        if (reason && strlen(object_state_text(s)) == n && strncmp(reason, object_state_text(s), n) == 0)
            return (enum object_state)s;
    return OBJECT_UNSCANNED;
}

/* An inspector has spoken, and nobody else can: something worse than what was known at its release closes it again. */
static void see_verdict(struct reading *r, struct span id) {
    int at = world_object_at(r->w, id);
    must(r, at >= 0 && r->phase->inspected, "a verdict that no inspector gave");
    struct world_object *o = &r->w->objects[at];
    o->state = state_from(text_of(r, "reason"));
    if (o->state != o->released_state && object_state_worse(o->state, o->released_state) == o->state)
        o->released = false;
}

static void see_let_out(struct reading *r, struct span id) {
    int at = world_object_at(r->w, id);
    must(r, at >= 0 && r->phase->released, "somebody released something");
    r->w->objects[at].released = true;
    r->w->objects[at].released_state = r->w->objects[at].state;
}

static void see_received(struct reading *r, struct span id, struct span ticket_id) {
    struct object_id letter, file;
    int object = world_object_at(r->w, id);
    must(r, object >= 0 && ticket_id.n == 16, "a letter was received that nobody sent");
    const struct rig_mail *mail = &r->w->objects[object].mail;
    enum world_queue queue = strcmp(mail->queue, world_queues[0]) == 0 ? QUEUE_SUPPORT : QUEUE_BILLING;
    int ticket = world_ticket_add(r->w, ticket_id, queue);
    unsigned disposition = disposition_from(text_of(r, "reason"));
    set_born(r, object, ticket, disposition);
    set_found(r, object);
    memcpy(letter.b, id.p, 16);
    for (uint16_t i = 0; i < mail->attachments; i++) {
        MUST(attachment_object_id(&letter, i, &file) == SD_OK);
        set_born(r, world_object_at(r->w, span_of(file.b, 16)), ticket, disposition);
    }
}

static void see_change(struct reading *r, struct world_ticket *ticket) {
    const char *word = last_word(text_of(r, "reason"));
    enum category category;
    if (says(r, "action", "change-state"))
        ticket->decisions++;
    else if (says(r, "action", "move"))
        ticket->queue = strcmp(word, world_queues[0]) == 0 ? QUEUE_SUPPORT : QUEUE_BILLING;
    else if (says(r, "action", "classify") && category_from(span_cstr(word), &category))
        ticket->category = category;
}

/* ---- who may ---- */

struct may {
    uint32_t verbs;
    unsigned queues, categories;
};

static struct may may_of(const struct reading *r, unsigned person) {
    uint32_t reading = VERB_BIT(LIST) | VERB_BIT(OPEN), work = reading | VERB_BIT(DOWNLOAD);
    switch (person) {
    case PERSON_OF_AGENT:
    case PERSON_OF_HONEST:
        return (struct may){work, 1u << QUEUE_SUPPORT, 1u << CATEGORY_NORMAL};
    case PERSON_OF_BOSS:
        return (struct may){work & r->phase->owner_verbs, 1u << QUEUE_SUPPORT,
                            1u << CATEGORY_NORMAL | 1u << CATEGORY_CONFIDENTIAL};
    default:
        return (struct may){0}; /* who has no queue reads nothing; of BILLER there is no session that is live */
    }
}

static uint32_t verb_of(unsigned facet) {
    return facet == FACET_HEAD                            ? VERB_BIT(LIST)
           : facet == FACET_SOURCE || facet == FACET_FILE ? VERB_BIT(DOWNLOAD)
                                                          : VERB_BIT(OPEN);
}

static bool is_readable(const struct reading *r, const struct world_object *o) {
    bool released = o->released || (o->letter >= 0 && r->w->objects[o->letter].released);
    return o->disposition == DISPOSITION_ACCEPT || o->disposition == DISPOSITION_FLAG || o->disposition == DISPOSITION_REVIEW ||
           (o->disposition == DISPOSITION_QUARANTINE && released);
}

/* Is this fit to be opened by anybody? */
static bool is_fit(const struct reading *r, const struct world_object *o, unsigned facet, bool gated) {
    if (o->is_answer)
        return facet == FACET_HEAD || facet == FACET_TEXT || facet == FACET_SOURCE || facet == FACET_RECEIPT;
    if (!is_readable(r, o))
        return false;
    bool decided = r->w->tickets[o->ticket].decisions > o->decided_by, good = o->state == OBJECT_CLEAN || o->released;
    bool accepted = o->disposition == DISPOSITION_ACCEPT || o->disposition == DISPOSITION_FLAG;
    bool trusted = !gated || decided || o->released || (o->mail.trust == TRUST_VERIFIED && accepted);
    if (o->is_file && facet == FACET_PREVIEW)
        return (good || o->state == OBJECT_SUSPICIOUS) && trusted;
    if (o->is_file)
        return facet == FACET_FILE && good && trusted;
    if (facet == FACET_SOURCE)
        return good && (trusted || o->mail.attachments == 0);
    return facet == FACET_HEAD || facet == FACET_TEXT || facet == FACET_HTML;
}

/* Which messages, which facets, for as long as it lives. */
static void check_warrant(const struct reading *r, unsigned warrant, int at, unsigned facet) {
    const struct world_object *o = &r->w->objects[at];
    int of = r->w->warrant_object[warrant];
    if (of >= 0) {
        must(r, of == at, "a warrant opened another message");
    } else if (of == WARRANT_OF_PREVIEW) {
        must(r, o->is_file && (facet == FACET_FILE || facet == FACET_PREVIEW) && is_fit(r, o, FACET_PREVIEW, true),
             "a warrant for pictures opened what may not be seen");
    } else {
        must(r, warrant == WARRANT_EXPORT, "a warrant that is over opened something");
        must(r,
             r->w->tickets[o->ticket].queue == QUEUE_SUPPORT && facet != FACET_HTML && facet != FACET_PREVIEW &&
                 is_fit(r, o, facet, false),
             "a warrant opened what it does not cover");
    }
}

static void see_released(struct reading *r, int actor, struct span id, unsigned facet) {
    int at = world_object_at(r->w, id);
    must(r, at >= 0 && r->w->objects[at].there && actor >= 0, "what was let out is nobody's");
    const struct world_object *o = &r->w->objects[at];
    const struct world_ticket *ticket = &r->w->tickets[o->ticket];
    if (actor < PEOPLE) {
        struct may may = may_of(r, (unsigned)actor);
        must(r, (may.verbs & verb_of(facet)) && (may.queues >> ticket->queue & 1) && (may.categories >> ticket->category & 1),
             "somebody opened what they may not");
        must(r, !(r->signed_out >> actor & 1), "somebody opened something after signing out");
        must(r, is_fit(r, o, facet, true), "something was opened that is not fit to be");
    } else {
        check_warrant(r, (unsigned)(actor - PEOPLE), at, facet);
    }
    release_of((unsigned)actor, at, facet)->granted++;
}

static unsigned facet_from(const char *word) {
    for (unsigned f = FACET_HEAD; f <= FACET_PREVIEW; f++)
        if (strcmp(word, facet_name((enum facet)f)) == 0)
            return f;
    return 0;
}

static void see_list(struct reading *r, int actor, const char *hex) {
    uint8_t id[16];
    for (; strlen(hex) >= 32; hex += 32) {
        MUST(hex_to_bytes(span_of(hex, 32), id, 16) == SD_OK);
        see_released(r, actor, span_of(id, 16), FACET_HEAD);
    }
}

static void see_granted(struct reading *r, struct span object, struct span ticket_id) {
    int actor = actor_of(r);
    int ticket = world_ticket_at(r->w, ticket_id);
    const char *objects = text_of(r, "objects");
    if (says(r, "action", "received"))
        see_received(r, object, ticket_id);
    else if (says(r, "action", "open"))
        see_released(r, actor, object, facet_from(last_word(text_of(r, "reason"))));
    else if (says(r, "action", "verdict"))
        see_verdict(r, object);
    else if (says(r, "action", "release"))
        see_let_out(r, object);
    else if (says(r, "action", "list") && objects)
        see_list(r, actor, objects);
    else if (says(r, "action", "redeem")) {
        see_released(r, actor, object, FACET_SOURCE);
        see_released(r, actor, object, FACET_RECEIPT);
    } else if (says(r, "action", "sign-out") && actor >= 0)
        r->signed_out |= 1u << actor;
    else if (ticket >= 0)
        see_change(r, &r->w->tickets[ticket]);
}

static bool see_record(void *arg, uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset, struct span record) {
    struct reading *r = arg;
    uint8_t object_bytes[16], ticket_bytes[16];
    r->text = record;
    r->record = json_loadb((const char *)record.p, record.n, JSON_REJECT_DUPLICATES, NULL);
    must(r, r->record != NULL, "a record is no JSON");
    must(r, json_integer_value(json_object_get(r->record, "seq")) == (json_int_t)seq, "a record has another's number");
    check_actor(r);
    check_texts(r);
    struct span object = id_of(json_string_value(json_object_get(json_object_get(r->record, "object"), "id")), object_bytes);
    struct span ticket = id_of(text_of(r, "ticket"), ticket_bytes);
    if (says(r, "outcome", "granted"))
        see_granted(r, object, ticket);
    json_decref(r->record);
    r->w->log_next = seq + 1;
    return true;
}

static void check_release(void *arg, unsigned actor, int object, unsigned facet, struct release *release) {
    uint64_t *unheard = arg;
    if (release->heard > release->granted) {
        (void)fprintf(stderr, "key of object %d facet %u came out %u times and was recorded %u times for actor %u\n", object,
                      facet, release->heard, release->granted, actor);
        abort();
    }
    *unheard += release->granted - release->heard;
    release->granted = release->heard; /* settled: the next phase begins even */
}

void check_log(struct world *w, const struct phase *phase) {
    char dir[256];
    struct reading reading = {.w = w, .phase = phase};
    uint64_t unheard = 0;
    (void)snprintf(dir, sizeof dir, "%s/keeper/log", w->p.dir);
    MUST(audit_read(dir, w->log_next, UINT64_MAX, see_record, &reading) == SD_OK);
    release_each(check_release, &unheard);
    MUST(unheard <= phase->lost * 100); /* a list has a hundred */
}
