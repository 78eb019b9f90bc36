#include "sealdesk/supervisor.h"

#include "core/log.h"
#include "sealdesk/credential.h"
#include "sealdesk/outside.h"

#include <string.h>
#include <unistd.h>

/* Who may call whom: the whole trust graph. Every inspector has its own name for its callers: "inspect0", "inspect1" … */
static const struct edge {
    const char *client;
    const char *service;
    bool first_only; /* of several instances, only the first */
} edges[] = {
    {"edge", "keeper", false},  {"edge", "inspect", false},   {"inspect", "dns", false},    {"keeper", "inspect", true},
    {"clerk", "keeper", false}, {"clerk", "dns", false},      {"courier", "keeper", false}, {"courier", "dns", false},
    {"desk", "keeper", false},  {"inspect", "keeper", false}, {"clerk", "inspect", true},   {"clerk", "render", false},
};

static const struct {
    const char *role;
    const char *name;
} bells[] = {{"edge", "intake"},      {"clerk", "intake"}, {"desk", "outbound"},
             {"courier", "outbound"}, {"desk", "preview"}, {"clerk", "preview"}};

static bool alive(const struct proc *p) {
    return p->state == PROC_JOINING || p->state == PROC_RUNNING;
}

/* The name by which a client knows this instance. */
static void service_name(const struct proc *service, char *to, size_t n) {
    if (strcmp(service->kind->name, "inspect") == 0)
        (void)snprintf(to, n, "inspect%u", service->instance);
    else
        (void)snprintf(to, n, "%s", service->kind->name);
}

static enum sd_err join_pair(struct proc *client, struct proc *service) {
    char name[32];
    int pair[2];
    enum sd_err err = ipc_pair(pair);
    if (err)
        return err;
    service_name(service, name, sizeof name);
    err = proc_link(service, LINK_SERVER, client->kind->name, client->kind->peer, client->instance, pair[0]);
    if (err == SD_OK)
        err = proc_link(client, LINK_CLIENT, name, 0, 0, pair[1]);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return err;
}

static bool joined_by(const struct edge *edge, const struct proc *client, const struct proc *service) {
    return strcmp(edge->client, client->kind->name) == 0 && strcmp(edge->service, service->kind->name) == 0 &&
           !(edge->first_only && service->instance != 0);
}

/* A peer that cannot be told now is hung or dying: that is no failure of this process. The client at either end misses its
 * channel and says so at its next ping (topology_rejoin). */
static void join_with(struct proc *a, struct proc *b) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(edges) && err == SD_OK; i++) {
        if (joined_by(&edges[i], a, b))
            err = join_pair(a, b);
        else if (joined_by(&edges[i], b, a))
            err = join_pair(b, a);
    }
    if (err)
        log_warn("role.join", "roles=%s,%s error=%s", a->kind->name, b->kind->name, sd_err_name(err));
}

/* A credential that cannot be read is not handed over: the keeper then says what it misses, and mail goes on being taken in. */
static enum sd_err hand_root(struct supervisor *s, struct proc *proc) {
    struct secret secret SD_CLEANUP(secret_free) = {0};
    int fd = -1;
    if (strcmp(proc->kind->name, "keeper") != 0 || !credential_read(s->settings, &secret))
        return SD_OK;
    enum sd_err err = sealed_memfd(secret_span(&secret), &fd);
    if (err)
        return err;
    err = proc_link(proc, LINK_SECRET, "root", 0, 0, fd);
    (void)close(fd);
    return err;
}

/* What a role asked for by this name, or at its start: a file outside of its reach. SD_ERR_NOTFOUND: none such is configured.
 */
static enum sd_err hand_file(struct supervisor *s, struct proc *proc, const char *name) {
    int fd = -1;
    enum sd_err err = strcmp(proc->kind->name, "clerk") == 0 ? outside_open(s->settings, name, &fd) : SD_ERR_NOTFOUND;
    if (err)
        return err;
    err = proc_link(proc, LINK_FILE, name, 0, 0, fd);
    (void)close(fd);
    return err;
}

/* A witness that cannot be opened now is asked for again by the role: nothing waits for it. */
static enum sd_err hand_files(struct supervisor *s, struct proc *proc) {
    for (size_t i = 0; outside_name(i); i++)
        if (hand_file(s, proc, outside_name(i)) == SD_ERR_BUSY)
            return SD_ERR_BUSY;
    return SD_OK;
}

static enum sd_err hand_over(struct supervisor *s, struct proc *proc) {
    enum sd_err err = hand_root(s, proc);
    for (size_t i = 0; i < s->listener_count && err == SD_OK; i++)
        if (strcmp(s->listeners[i].role, proc->kind->name) == 0)
            err = proc_link(proc, LINK_LISTEN, s->listeners[i].name, 0, 0, s->listeners[i].fd);
    for (size_t i = 0; i < SD_COUNT(bells) && err == SD_OK; i++)
        if (strcmp(bells[i].role, proc->kind->name) == 0)
            err = proc_link(proc, LINK_BELL, bells[i].name, 0, 0,
                            strcmp(bells[i].name, "intake") == 0     ? s->intake_bell
                            : strcmp(bells[i].name, "outbound") == 0 ? s->outbound_bell
                                                                     : s->preview_bell);
    return err ? err : hand_files(s, proc);
}

enum sd_err topology_join(struct supervisor *s, struct proc *proc) {
    enum sd_err err = hand_over(s, proc);
    for (size_t i = 0; i < s->proc_count && err == SD_OK; i++)
        if (&s->procs[i] != proc && alive(&s->procs[i]))
            join_with(proc, &s->procs[i]);
    return err;
}

enum sd_err topology_rejoin(struct supervisor *s, struct proc *proc, struct span service) {
    for (size_t i = 0; outside_name(i); i++)
        if (span_eq(service, span_cstr(outside_name(i))))
            return hand_file(s, proc, outside_name(i)) == SD_ERR_BUSY ? SD_ERR_BUSY : SD_OK;
    for (size_t i = 0; i < s->proc_count; i++) {
        char name[32];
        service_name(&s->procs[i], name, sizeof name);
        if (!alive(&s->procs[i]) || !span_eq(service, span_cstr(name)))
            continue;
        for (size_t k = 0; k < SD_COUNT(edges); k++)
            if (joined_by(&edges[k], proc, &s->procs[i]))
                return join_pair(proc, &s->procs[i]);
    }
    return SD_OK; /* the service is down: it is joined when it starts */
}
