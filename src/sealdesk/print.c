/* print.c - people and records of the log as lines for people. */
#include "sealdesk/print_json.h"

const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void put_joined(struct buf *to, json_t *texts, const char *between) {
    size_t i;
    json_t *text;
    json_array_foreach(texts, i, text) buf_printf(to, "%s%s", i ? between : "", json_string_value(text));
}

void print_person(struct span line) {
    json_t *person = json_loadb((const char *)line.p, line.n, 0, NULL);
    struct buf queues SD_CLEANUP(buf_free) = buf_new(16384), factors SD_CLEANUP(buf_free) = buf_new(256);
    put_joined(&queues, json_object_get(person, "queues"), ", ");
    put_joined(&factors, json_object_get(person, "factors"), ", ");
    (void)printf("%-32s %-20s %-10s %-9s %-32.*s %.*s\n", text_of(person, "email"), text_of(person, "name"),
                 text_of(person, "role"), text_of(person, "state"), SPAN_FMT(buf_span(&factors)), SPAN_FMT(buf_span(&queues)));
    json_decref(person);
}

void print_session(struct span line) {
    json_t *session = json_loadb((const char *)line.p, line.n, 0, NULL);
    (void)printf("%s %-20s %-8s since %s, used %s, from %s%s\n", text_of(session, "id"), text_of(session, "name"),
                 text_of(session, "factor"), text_of(session, "started_at"), text_of(session, "used_at"),
                 text_of(session, "origin"), json_is_true(json_object_get(session, "limited")) ? ", limited" : "");
    json_decref(session);
}

void print_record(struct span line) {
    json_t *record = json_loadb((const char *)line.p, line.n, 0, NULL);
    const char *dropped = json_string_value(json_object_get(record, "dropped"));
    if (dropped)
        (void)printf("%6lld (dropped when its time was over)\n", json_integer_value(json_object_get(record, "seq")));
    if (dropped) {
        json_decref(record);
        return;
    }
    json_t *actor = json_object_get(record, "actor"), *object = json_object_get(record, "object");
    const char *who = *text_of(actor, "name") ? text_of(actor, "name") : text_of(actor, "kind");
    (void)printf("%6lld %s %-8s %-20s %-14s %s", json_integer_value(json_object_get(record, "seq")), text_of(record, "time"),
                 text_of(record, "outcome"), who, text_of(record, "action"), text_of(object, "kind"));
    if (*text_of(object, "id"))
        (void)printf(" %s", text_of(object, "id"));
    if (*text_of(record, "reason"))
        (void)printf(" (%s)", text_of(record, "reason"));
    if (*text_of(record, "note_text"))
        (void)printf(": %s", text_of(record, "note_text"));
    (void)printf("\n");
    json_decref(record);
}

void print_lines(struct ipc_list list, bool json, void (*print)(struct span line)) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span line;
    while (ipc_list_next(&iter, &line)) {
        if (json)
            (void)printf("%.*s\n", SPAN_FMT(line));
        else
            print(line);
    }
}
