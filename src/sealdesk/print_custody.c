/* print_custody.c - what is held, what is known about a letter and its attachments, and incidents, as lines for people. */
#include "sealdesk/print_json.h"

#include "core/ipc/states.h"

#include <string.h>

static json_t *load(struct span line) {
    return json_loadb((const char *)line.p, line.n, 0, NULL);
}

static bool is(json_t *object, const char *key, const char *word) {
    return strcmp(text_of(object, key), word) == 0;
}

/* "attachment 2", "message" */
static void put_kind(struct buf *to, json_t *item) {
    if (is(item, "kind", "letter"))
        buf_text(to, "message");
    else
        buf_printf(to, "attachment %lld", json_integer_value(json_object_get(item, "index")) + 1);
}

void print_held(struct span line) {
    json_t *item = load(line);
    struct buf kind SD_CLEANUP(buf_free) = buf_new(64), findings SD_CLEANUP(buf_free) = buf_new(4096);
    const char *signature = text_of(item, "signature"), *queue = text_of(item, "queue");
    put_kind(&kind, item);
    put_joined(&findings, json_object_get(item, "findings"), " ");
    (void)printf("%s %-11s %-14.*s %-12s %s %.*s%s%s\n", text_of(item, "id"), text_of(item, "state"), SPAN_FMT(buf_span(&kind)),
                 *queue ? queue : "-", text_of(item, "received_at"), SPAN_FMT(buf_span(&findings)), *signature ? ": " : "",
                 signature);
    json_decref(item);
}

/* ---- one letter and its attachments ---- */

static const char *sentence_of(const char *word) {
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (strcmp(finding_text(i), word) == 0)
            return finding_sentence(i);
    return word;
}

static void print_findings(json_t *item) {
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(item, "findings"), i, word) {
        const char *text = json_string_value(word);
        bool virus = text && strcmp(text, finding_text(FINDING_VIRUS)) == 0;
        (void)printf("    %s%s%s\n", sentence_of(text ? text : ""), virus ? " Its name: " : "",
                     virus ? text_of(item, "signature") : "");
    }
}

/* Why it stays closed. Those that are closed though they are clean are so for what is known about the sender, or are gone. */
static const char *why_closed(json_t *item) {
    if (is(item, "state", "unscanned"))
        return "no scanner has looked into it yet; it is tried again by itself";
    if (is(item, "state", "clean"))
        return "nothing was found in it, but its message is held, its sender passes no gate for attachments "
               "(gates.attachments), or "
               "it was destroyed";
    return "until somebody with the right to releases it";
}

static void print_access(json_t *item) {
    json_t *released = json_object_get(item, "released");
    const char *name = *text_of(released, "name") ? text_of(released, "name") : text_of(released, "by");
    if (json_is_object(released))
        (void)printf("    Released by %s at %s.\n", *name ? name : "root", text_of(released, "at"));
    if (json_is_true(json_object_get(item, "openable")))
        (void)printf("    It can be opened.\n");
    else
        (void)printf("    It stays closed: %s.\n", why_closed(item));
    if (!is(item, "kind", "letter") && !json_is_true(json_object_get(item, "openable")))
        (void)printf("    Its pictures %s.\n",
                     json_is_true(json_object_get(item, "previewable")) ? "can be looked at" : "cannot be looked at either");
}

void print_custody(struct span line) {
    json_t *item = load(line);
    struct buf kind SD_CLEANUP(buf_free) = buf_new(64);
    const char *engine = text_of(item, "engine"), *at = text_of(item, "scanned_at");
    put_kind(&kind, item);
    (void)printf("%s %.*s: %s\n", text_of(item, "id"), SPAN_FMT(buf_span(&kind)), text_of(item, "state"));
    print_findings(item);
    if (*at)
        (void)printf("    Looked into at %s%s%s.\n", at, *engine ? " by " : " without a virus scanner", engine);
    print_access(item);
    json_decref(item);
}

/* ---- incidents ---- */

void print_incident(struct span line) {
    json_t *incident = load(line), *opener;
    size_t i;
    const char *signature = text_of(incident, "signature");
    (void)printf("%5lld %s %-6s %s %s%s%s\n", json_integer_value(json_object_get(incident, "id")), text_of(incident, "at"),
                 text_of(incident, "state"), text_of(incident, "object"), text_of(incident, "kind"), *signature ? ": " : "",
                 signature);
    json_array_foreach(json_object_get(incident, "opened_by"), i, opener)(void) printf(
        "      opened by %s at %s (%s)\n", *text_of(opener, "name") ? text_of(opener, "name") : text_of(opener, "person"),
        text_of(opener, "at"), text_of(opener, "facet"));
    if (json_array_size(json_object_get(incident, "opened_by")) == 0)
        (void)printf("      nobody had opened it\n");
    if (*text_of(incident, "note"))
        (void)printf("      closed by %s at %s: %s\n",
                     *text_of(incident, "closed_by") ? text_of(incident, "closed_by") : "root", text_of(incident, "closed_at"),
                     text_of(incident, "note"));
    json_decref(incident);
}
