#include "desk/timeline.h"
#include "desk/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAME_ACT_MS 5000

/* The keeper's actions that the store knows nothing of. */
static const struct {
    const char *action, *kind, *sentence;
} acts[] = {
    {"open", "opened", "Opened a message."},
    {"list", "listed", "Saw it in a list."},
    {"open-heads", "listed", "Saw it in a list."},
    {"change-state", "changed", "Changed the state."},
    {"assign", "changed", "Changed who is responsible."},
    {"move", "changed", "Moved it to another queue."},
    {"release", "released", "Released it, whatever was found in it:"},
    {"preview", "opened", "Had pictures made of an attachment."},
};

/* The clerk's events say the disposition, the courier's the enhanced status code: here they become sentences. */
static const struct {
    enum event_kind kind;
    const char *detail; /* NULL: whatever it is, put behind the sentence */
    const char *sentence;
} tellings[] = {
    {EVENT_RECEIVED, "accept", "A message came in."},
    {EVENT_RECEIVED, "flag", "A message came in, with a warning."},
    {EVENT_RECEIVED, "review", "A message came in and waits in Review."},
    {EVENT_RECEIVED, "quarantine", "A message came in and is in quarantine."},
    {EVENT_SENT, NULL, "The recipient's server took the answer."},
    {EVENT_DEFERRED, NULL, "The answer could not be delivered yet; it will be tried again."},
    {EVENT_FAILED, NULL, "The answer could not be delivered."},
    {EVENT_VERDICT, "clean", "Looked into again: nothing was found."},
    {EVENT_VERDICT, "malicious", "Looked into again: it is malicious, and closed."},
    {EVENT_VERDICT, NULL, "Looked into again; what was found has changed."},
    {EVENT_RELEASED, NULL, "Released."},
    {EVENT_SPAM, NULL, "Took it for spam."},
    {EVENT_NOT_SPAM, NULL, "Said that it is no spam."},
};

static struct span tell(const struct event_row *event, struct arena *arena) {
    for (size_t i = 0; i < SD_COUNT(tellings); i++) {
        if (tellings[i].kind != event->kind || (tellings[i].detail && !span_eq(event->detail, span_cstr(tellings[i].detail))))
            continue;
        return tellings[i].detail || event->detail.n == 0
                   ? span_cstr(tellings[i].sentence)
                   : arena_printf(arena, "%s (%.*s)", tellings[i].sentence, SPAN_FMT(event->detail));
    }
    return event->detail;
}

void timeline_add_event(struct timeline *t, const struct event_row *event, struct arena *arena) {
    bool is_process = span_eq(event->actor, SPAN("clerk")) || span_eq(event->actor, SPAN("courier")) || event->actor.n == 0;
    if (t->count == TIMELINE_MAX)
        return;
    t->items[t->count++] = (struct timeline_item){.at_ms = event->at_ms,
                                                  .kind = event_kind_text(event->kind),
                                                  .is_person = !is_process,
                                                  .actor_kind = "system",
                                                  .actor_id = event->actor,
                                                  .detail = tell(event, arena),
                                                  .has_object = event->has_object,
                                                  .object = event->object};
}

enum sd_err rfc3339_to_ms(struct span text, int64_t *ret) {
    char copy[32];
    struct tm tm = {0};
    unsigned ms = 0;
    int end = 0;
    if (text.n < 20 || text.n >= sizeof copy)
        return SD_ERR_PARSE;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
               &end) != 6 ||
        end != 19)
        return SD_ERR_PARSE;
    const char *rest = copy + end;
    if (*rest == '.' && (sscanf(rest, ".%3u%n", &ms, &end) != 1 || end != 4))
        return SD_ERR_PARSE;
    if (strcmp(*rest == '.' ? rest + 4 : rest, "Z") != 0)
        return SD_ERR_PARSE;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret = (int64_t)timegm(&tm) * 1000 + ms;
    return SD_OK;
}

static struct span copy_member(const struct json_in *object, const char *name, struct arena *arena) {
    return arena_span(arena, in_text(in_member(object, name)));
}

/* What was done, and how it ended when it was not granted. */
static struct span detail_of(const char *sentence, struct span outcome, struct span reason, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024);
    buf_text(&text, sentence);
    if (reason.n) {
        buf_byte(&text, ' ');
        buf_put(&text, reason);
    }
    if (!span_eq(outcome, SPAN("granted"))) {
        buf_text(&text, " (");
        buf_put(&text, outcome);
        buf_byte(&text, ')');
    }
    return arena_span(arena, buf_span(&text));
}

static void take_actor(struct timeline_item *item, const struct json_in *actor, struct arena *arena) {
    struct span kind = in_text(in_member(actor, "kind"));
    item->is_person = span_eq(kind, SPAN("person"));
    item->actor_kind = span_eq(kind, SPAN("root")) ? "root" : span_eq(kind, SPAN("warrant")) ? "warrant" : "system";
    item->actor_id = copy_member(actor, "id", arena);
    item->actor_name = copy_member(actor, "name", arena);
}

static const char *find_act(struct span action, const char **ret_sentence) {
    for (size_t i = 0; i < SD_COUNT(acts); i++)
        if (span_eq(action, span_cstr(acts[i].action))) {
            *ret_sentence = acts[i].sentence;
            return acts[i].kind;
        }
    return NULL;
}

/* Reading a message opens its head, its text, perhaps its HTML: to people that is one act. */
static void tell_facet(const char **sentence, struct span *reason) {
    static const struct {
        struct span facet;
        const char *sentence; /* NULL: it is reading */
    } facets[] = {{SPAN("head"), NULL},
                  {SPAN("text"), NULL},
                  {SPAN("html"), NULL},
                  {SPAN("source"), "Took the source of a message."},
                  {SPAN("file"), "Took the original of an attachment."},
                  {SPAN("preview"), "Looked at pictures of an attachment."}};
    for (size_t i = 0; i < SD_COUNT(facets); i++)
        if (span_eq(*reason, facets[i].facet)) {
            *sentence = facets[i].sentence ? facets[i].sentence : *sentence;
            *reason = SPAN_NONE;
            return;
        }
}

/* Processes that work under a warrant of their own: what they were asked for and what came of it is told already. */
static bool is_errand(const struct json_in *record) {
    static const char *const purposes[] = {"preview ", "rescan ", "learn "};
    struct span reason = in_text(in_member(record, "reason"));
    bool by_warrant = span_eq(in_text(in_member(in_member(record, "actor"), "kind")), SPAN("warrant"));
    for (size_t i = 0; by_warrant && i < SD_COUNT(purposes); i++)
        if (span_starts(reason, span_cstr(purposes[i])))
            return true;
    return false;
}

/* That a gesture was wanted first is no news; what was written then is. False: not to be told. */
static bool tell_release(const struct json_in *record, struct span *reason) {
    if (span_starts(*reason, SPAN("step-up-required")))
        return false;
    if (span_eq(in_text(in_member(record, "outcome")), SPAN("granted")))
        *reason = in_text(in_member(record, "note_text"));
    return true;
}

void timeline_add_record(struct timeline *t, struct span json, struct arena *arena) {
    struct json_in *record SD_CLEANUP(in_free) = NULL;
    struct timeline_item item = {0};
    const char *sentence = "";
    if (in_read(json, &record) != SD_OK || is_errand(record))
        return;
    item.kind = find_act(in_text(in_member(record, "action")), &sentence);
    if (t->count == TIMELINE_MAX || !item.kind || rfc3339_to_ms(in_text(in_member(record, "time")), &item.at_ms) != SD_OK)
        return;
    take_actor(&item, in_member(record, "actor"), arena);
    struct span reason = in_text(in_member(record, "reason"));
    if (span_eq(in_text(in_member(record, "action")), SPAN("open")))
        tell_facet(&sentence, &reason);
    if (strcmp(item.kind, "released") == 0 && !tell_release(record, &reason))
        return;
    item.detail = detail_of(sentence, in_text(in_member(record, "outcome")), reason, arena);
    const struct json_in *object = in_member(record, "object");
    bool is_file = span_eq(in_text(in_member(object, "kind")), SPAN("file")); /* not the message itself */
    item.has_object = strcmp(item.kind, "opened") == 0 && !is_file &&
                      id_from_text(in_text(in_member(object, "id")), &item.object) == SD_OK;
    t->items[t->count++] = item;
}

static int by_time(const void *a, const void *b) {
    const struct timeline_item *x = a, *y = b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static bool same_act(const struct timeline_item *a, const struct timeline_item *b) {
    return strcmp(a->kind, b->kind) == 0 && span_eq(a->actor_id, b->actor_id) && span_eq(a->detail, b->detail) &&
           a->has_object == b->has_object && memcmp(a->object.b, b->object.b, sizeof a->object.b) == 0 &&
           b->at_ms - a->at_ms < SAME_ACT_MS;
}

void timeline_sort(struct timeline *t) {
    size_t kept = 0;
    qsort(t->items, t->count, sizeof *t->items, by_time);
    for (size_t i = 0; i < t->count; i++)
        if (kept == 0 || !same_act(&t->items[kept - 1], &t->items[i]))
            t->items[kept++] = t->items[i];
    t->count = kept;
}
