#include "auth/dns_ipc.h"

#include "core/ipc/dns.h"

/* How long a question waits for a dns process that is being restarted, or does not read. */
#define SEND_MS IPC_ATTACH_MS

/* A ticket without state is a question that could not be sent: its answer is DNS_TEMPFAIL. */
static enum sd_err start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    struct ipc_client *client = ctx;
    struct ipc_ticket *ticket = NULL;
    struct dns_query_req req = {.name = name, .type = (uint16_t)type};
    enum sd_err err = dns_query_start(client, &req, deadline_in_ms(SEND_MS), &ticket);
    if (err == SD_ERR_LIMIT || err == SD_ERR_NOMEM)
        return err;
    *ret = (struct dns_ticket){.state = err ? NULL : ticket};
    return SD_OK;
}

static enum sd_err copy_records(const struct dns_query_rep *rep, struct arena *arena, struct dns_answer *answer) {
    struct span *records = arena_array(arena, rep->records.count, sizeof *records);
    struct ipc_list_iter iter = ipc_list_start(rep->records);
    struct span item;
    size_t n = 0;
    while (records && n < rep->records.count && ipc_list_next(&iter, &item))
        records[n++] = arena_span(arena, item);
    answer->records = records;
    answer->count = n;
    return arena_err(arena);
}

static enum sd_err take_answer(const struct dns_query_rep *rep, struct arena *arena, struct dns_answer *ret) {
    struct dns_answer answer = {.outcome = DNS_TEMPFAIL, .secure = rep->secure, .ttl_s = rep->ttl_s};
    if (rep->outcome <= DNS_NXDOMAIN)
        answer.outcome = (enum dns_outcome)rep->outcome;
    enum sd_err err = answer.outcome == DNS_FOUND && rep->records.count ? copy_records(rep, arena, &answer) : SD_OK;
    if (answer.outcome == DNS_FOUND && answer.count == 0)
        answer.outcome = DNS_TEMPFAIL; /* not what the protocol allows: unknown */
    if (err == SD_OK)
        *ret = answer;
    return err;
}

static enum sd_err wait_answer(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                               struct dns_answer *ret) {
    struct ipc_client *client = ctx;
    struct ipc_ticket *call = ticket.state;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct dns_query_rep rep = {0};
    enum sd_err err = call ? dns_query_wait(client, &call, deadline, &msg, &rep) : SD_ERR_UNAVAILABLE;
    if (err) {
        *ret = (struct dns_answer){.outcome = DNS_TEMPFAIL};
        return SD_OK;
    }
    return take_answer(&rep, arena, ret);
}

struct dns_source dns_over_ipc(struct ipc_client *client) {
    return (struct dns_source){.ctx = client, .start = start, .wait = wait_answer};
}
