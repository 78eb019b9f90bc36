#include "sealdesk/supervisor.h"

#include "core/json_out.h"

#include <string.h>

static const char *state_text(const struct proc *p) {
    switch (p->state) {
    case PROC_RUNNING:
        return p->ready && !proc_is_silent(p) ? "ready" : "not ready";
    case PROC_STARTING:
    case PROC_JOINING:
        return "starting";
    case PROC_STOPPED:
        return "stopped";
    default:
        return "down";
    }
}

static bool put_reasons(const struct supervisor *s, struct json_out *j) {
    bool ready = true;
    json_begin_array(j, "reasons");
    for (size_t i = 0; i < s->proc_count; i++) {
        const struct proc *p = &s->procs[i];
        const char *reason = proc_is_silent(p) ? "it does not answer" : p->reason;
        bool good = p->state == PROC_RUNNING && p->ready && !proc_is_silent(p);
        if (good && !reason[0])
            continue;
        char text[400];
        (void)snprintf(text, sizeof text, "%s is %s%s%s", p->kind->name, state_text(p), reason[0] ? ": " : "", reason);
        json_cstr(j, NULL, text);
        ready &= good; /* what is said of a role that is ready stops nothing, and should be looked at */
    }
    json_end(j);
    return ready;
}

static void put_role(const struct proc *p, struct json_out *j) {
    json_begin_object(j, NULL);
    json_cstr(j, "name", p->kind->name);
    json_int(j, "instance", p->instance);
    json_cstr(j, "state", state_text(p));
    json_int(j, "pid", p->pid);
    json_int(j, "restarts", p->restarts);
    json_time(j, "since", p->since_ms);
    if (p->sandbox)
        json_raw(j, "sandbox", span_cstr(p->sandbox));
    else
        json_put_null(j, "sandbox");
    json_end(j);
}

static uint64_t waiting(const struct supervisor *s, const char *role) {
    for (size_t i = 0; i < s->proc_count; i++)
        if (strcmp(s->procs[i].kind->name, role) == 0)
            return s->procs[i].waiting;
    return 0;
}

void status_json(const struct supervisor *s, struct buf *to) {
    struct json_out j = json_out(to);
    json_begin_object(&j, NULL);
    bool ready = put_reasons(s, &j);
    json_bool(&j, "ready", ready);
    json_begin_array(&j, "roles");
    for (size_t i = 0; i < s->proc_count; i++)
        put_role(&s->procs[i], &j);
    json_end(&j);
    json_int(&j, "intake_waiting", (int64_t)waiting(s, "clerk"));
    json_int(&j, "outbound", (int64_t)waiting(s, "courier"));
    json_end(&j);
}
