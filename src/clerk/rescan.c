#include "clerk/rescan.h"
#include "clerk/opening.h"
#include "clerk/policy.h"
#include "clerk/worker.h"
#include "core/ipc/inspect.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/log.h"
#include "store/event.h"
#include "store/message.h"

#include <stdlib.h>
#include <string.h>

#define KEEPER_MS 4000
#define STORE_MS 4000
#define SCAN_MS (3 * 60 * 1000) /* an inspector ends earlier, and says so */
#define MORE_MS 200             /* to the next round when there is a backlog */
#define ARENA_BYTES ((size_t)64 * 1024)

struct rescan {
    struct rescan_spec spec;
    char *store_dir;
    struct store *store;
    struct policy policy;
    bool renewed; /* the warrant, in this round: once is enough */
    struct worker worker;
    _Atomic(const char *) problem;
};

static int64_t round_of(void *arg) {
    return rescan_round(arg);
}

enum sd_err rescan_new(const struct rescan_spec *spec, struct rescan **ret) {
    struct rescan *r = calloc(1, sizeof *r);
    if (!r)
        return SD_ERR_NOMEM;
    r->spec = *spec;
    r->store_dir = strdup(spec->store_dir);
    r->policy.purpose = "rescan";
    worker_init(&r->worker, &(struct worker_spec){.name = "rescan", .step = round_of, .arg = r, .gives_way = true});
    if (!r->store_dir) {
        rescan_free(&r);
        return SD_ERR_NOMEM;
    }
    *ret = r;
    return SD_OK;
}

enum sd_err rescan_start(struct rescan *rescan) {
    return worker_start(&rescan->worker);
}

void rescan_tell_stop(struct rescan *rescan) {
    worker_tell_stop(&rescan->worker);
}

void rescan_free(struct rescan **ref) {
    struct rescan *r = *ref;
    if (!r)
        return;
    worker_join(&r->worker);
    store_close(&r->store);
    free(r->store_dir);
    free(r);
    *ref = NULL;
}

const char *rescan_problem(struct rescan *rescan) {
    return atomic_load(&rescan->problem);
}

/* ---- what was found, into the store ---- */

static bool is_state(struct span item) {
    return item.n == 1 && item.p[0] <= OBJECT_UNSCANNABLE;
}

static enum sd_err set_file(struct store *store, const struct object_id *letter, uint16_t index, enum object_state state,
                            bool *changed) {
    struct object_id id;
    struct attachment_row row;
    enum sd_err err = attachment_object_id(letter, index, &id);
    if (err == SD_OK)
        err = attachment_get(store, &id, &row);
    if (err || row.state == state)
        return err;
    *changed = true;
    return attachment_set_state(store, &id, state);
}

static enum sd_err set_states(struct store *store, const struct message_row *letter, struct ipc_list states, bool *changed) {
    struct ipc_list_iter iter = ipc_list_start(states);
    struct span item;
    if (!ipc_list_next(&iter, &item) || !is_state(item) || states.count != letter->attachments + 1U)
        return SD_ERR_PROTOCOL;
    enum object_state state = (enum object_state)item.p[0];
    enum sd_err err = SD_OK;
    *changed = letter->state != state;
    if (*changed)
        err = message_set_state(store, &letter->object, state);
    for (uint16_t i = 0; i < letter->attachments && err == SD_OK; i++)
        err = ipc_list_next(&iter, &item) && is_state(item)
                  ? set_file(store, &letter->object, i, (enum object_state)item.p[0], changed)
                  : SD_ERR_PROTOCOL;
    return err;
}

static enum sd_err add_event(struct store *store, const struct message_row *letter, struct ipc_list states) {
    struct ipc_list_iter iter = ipc_list_start(states);
    struct span item = SPAN_NONE;
    (void)ipc_list_next(&iter, &item);
    struct event_row event = {.at_ms = clock_unix_ms(),
                              .kind = EVENT_VERDICT,
                              .actor = SPAN("clerk"),
                              .detail = span_cstr(object_state_text(item.n ? item.p[0] : OBJECT_UNSCANNED)),
                              .has_object = true,
                              .object = letter->object};
    return event_add(store, &letter->ticket, &event);
}

/* What the letter is now is read within the transaction: it may have been destroyed since (SD_ERR_NOTFOUND). */
static enum sd_err show(struct rescan *r, const struct object_id *object, struct ipc_list states) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct message_row letter;
    bool changed = false;
    enum sd_err err = arena ? store_begin(r->store, deadline_in_ms(STORE_MS)) : SD_ERR_NOMEM;
    if (err)
        return err;
    err = message_get(r->store, object, arena, &letter);
    if (err == SD_OK)
        err = set_states(r->store, &letter, states, &changed);
    if (err == SD_OK && changed)
        err = add_event(r->store, &letter, states);
    if (err == SD_OK && changed)
        return store_commit(r->store);
    store_rollback(r->store);
    return err;
}

/* ---- one letter ---- */

static enum sd_err take_source(struct rescan *r, const struct object_id *object, struct buf *source) {
    struct warrant_id warrant;
    struct opening opening = {
        .keeper = r->spec.keeper, .store = r->store, .warrant = &warrant, .object = object, .facet = FACET_SOURCE};
    enum sd_err err = policy_use(&r->policy, r->spec.keeper, deadline_in_ms(KEEPER_MS), &warrant);
    if (err)
        return err;
    err = opening_read(&opening, deadline_in_ms(KEEPER_MS), source);
    if (err != SD_ERR_DENIED || r->renewed)
        return err;
    r->renewed = true; /* used up by others, or revoked: with a new one it would go */
    policy_forget(&r->policy);
    err = policy_use(&r->policy, r->spec.keeper, deadline_in_ms(KEEPER_MS), &warrant);
    return err ? err : opening_read(&opening, deadline_in_ms(KEEPER_MS), source);
}

static enum sd_err look_into(struct rescan *r, const struct object_id *object) {
    struct buf source SD_CLEANUP(buf_free) = buf_new(OPENING_MAX);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_scan_rep rep;
    enum sd_err err = take_source(r, object, &source);
    if (err)
        return err;
    struct inspect_scan_req req = {.object = object_id_span(object), .source = buf_span(&source)};
    err = inspect_scan_call(r->spec.inspect, &req, deadline_in_ms(SCAN_MS), &msg, &rep);
    buf_free(&source);
    return err ? err : show(r, object, rep.states);
}

/* Whether the round goes on. What is wrong with one letter is logged and costs the others nothing. */
static bool go_on_after(struct rescan *r, enum sd_err err) {
    bool refused = r->policy.refused;
    atomic_store(&r->problem,
                 refused ? "Stored letters are not looked into again: access.warrant_policies does not name rescan." : NULL);
    if (refused || opening_may_wait(err) || err == SD_ERR_FULL || err == SD_ERR_NOMEM)
        return false;
    if (err == SD_ERR_FORGED)
        log_error("clerk.rescan", "error=%s", sd_err_name(err)); /* the store has other bytes than came in */
    else if (err && err != SD_ERR_NOTFOUND)                      /* destroyed, or not filed yet */
        log_warn("clerk.rescan", "error=%s", sd_err_name(err));
    return true;
}

static bool look_into_all(struct rescan *r, struct ipc_list objects) {
    struct ipc_list_iter iter = ipc_list_start(objects);
    struct span id;
    bool going = true;
    while (going && ipc_list_next(&iter, &id)) {
        struct object_id object;
        if (object_id_from(id, &object) != SD_OK)
            continue;
        going = !worker_stops(&r->worker) && go_on_after(r, look_into(r, &object));
    }
    return going;
}

int64_t rescan_round(struct rescan *r) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_scan_due_rep rep;
    if (r->policy.refused && !deadline_passed(r->policy.ask_again))
        return r->spec.wait_ms; /* asking for what is due puts it off */
    enum sd_err err = r->store ? SD_OK : store_open(r->store_dir, &r->store);
    if (err == SD_OK)
        err = keeper_scan_due_call(r->spec.keeper, &(struct keeper_scan_due_req){}, deadline_in_ms(KEEPER_MS), &msg, &rep);
    if (err)
        return r->spec.wait_ms;
    r->renewed = false;
    bool all = look_into_all(r, rep.retry) && look_into_all(r, rep.hunt);
    return all && rep.retry.count + rep.hunt.count ? MORE_MS : r->spec.wait_ms;
}
