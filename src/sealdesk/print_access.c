/* print_access.c - rules, tokens, warrants and alarms as lines for people. */
#include "sealdesk/print_json.h"

static json_t *load(struct span line) {
    return json_loadb((const char *)line.p, line.n, 0, NULL);
}

void print_who(struct span line) {
    json_t *who = load(line);
    (void)printf("%-32s %-20s %-10s %s\n", text_of(who, "email"), text_of(who, "name"), text_of(who, "role"),
                 text_of(who, "because"));
    json_decref(who);
}

static void print_rule(json_t *rule) {
    struct buf verbs SD_CLEANUP(buf_free) = buf_new(2048), categories SD_CLEANUP(buf_free) = buf_new(256);
    const char *queue = text_of(rule, "queue");
    put_joined(&verbs, json_object_get(rule, "verbs"), " ");
    put_joined(&categories, json_object_get(rule, "categories"), " ");
    (void)printf("%s %.*s on %s (%.*s)", json_is_true(json_object_get(rule, "allow")) ? "allows" : "DENIES",
                 SPAN_FMT(buf_span(&verbs)), *queue ? queue : "their own queues", SPAN_FMT(buf_span(&categories)));
}

void print_role(struct span line) {
    json_t *role = load(line), *rule;
    size_t i;
    (void)printf("%s%s\n", text_of(role, "name"), json_is_true(json_object_get(role, "builtin")) ? " (built in)" : "");
    json_array_foreach(json_object_get(role, "rules"), i, rule) {
        (void)printf("  ");
        print_rule(rule);
        (void)printf("\n");
    }
    json_decref(role);
}

void print_grant(struct span line) {
    json_t *grant = load(line);
    (void)printf("%5lld %-20s ", json_integer_value(json_object_get(grant, "id")), text_of(grant, "name"));
    print_rule(grant);
    if (*text_of(grant, "until"))
        (void)printf(" until %s", text_of(grant, "until"));
    (void)printf("; by %s: %s\n", text_of(grant, "by"), text_of(grant, "reason"));
    json_decref(grant);
}

void print_token(struct span line) {
    json_t *token = load(line);
    struct buf verbs SD_CLEANUP(buf_free) = buf_new(2048);
    put_joined(&verbs, json_object_get(token, "verbs"), " ");
    (void)printf("%s %-20s of %-20s until %s%s: %.*s\n", text_of(token, "id"), text_of(token, "name"),
                 text_of(token, "owner_name"), text_of(token, "expires_at"),
                 json_is_true(json_object_get(token, "revoked")) ? " REVOKED" : "", SPAN_FMT(buf_span(&verbs)));
    json_decref(token);
}

void print_warrant(struct span line) {
    json_t *warrant = load(line), *scope = json_object_get(warrant, "scope");
    const char *by = *text_of(warrant, "name") ? text_of(warrant, "name") : text_of(warrant, "issued_by");
    (void)printf("%s %-8s %-8s %-8s until %s, used %lld, left %lld, by %s: %s%s%s\n", text_of(warrant, "id"),
                 text_of(warrant, "state"), text_of(warrant, "purpose"), text_of(warrant, "process"),
                 text_of(warrant, "expires_at"), json_integer_value(json_object_get(warrant, "used")),
                 json_integer_value(json_object_get(warrant, "uses")), by, text_of(scope, "queue"), text_of(scope, "ticket"),
                 text_of(scope, "message"));
    json_decref(warrant);
}

void print_alarm(struct span line) {
    json_t *alarm = load(line);
    const char *name = text_of(alarm, "name"), *reason = text_of(alarm, "reason");
    (void)printf("%5lld %s %s%s%s%s%s\n", json_integer_value(json_object_get(alarm, "id")), text_of(alarm, "at"),
                 text_of(alarm, "sentence"), *name ? " Who: " : "", name, *reason ? " Why: " : "", reason);
    json_decref(alarm);
}
