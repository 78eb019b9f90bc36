#include "clerk/learn.h"
#include "clerk/opening.h"
#include "clerk/policy.h"
#include "clerk/worker.h"
#include "core/ipc/inspect.h"
#include "store/learn.h"
#include "store/ticket.h"

#include <stdlib.h>
#include <string.h>

#define KEEPER_MS 4000
#define STORE_MS 4000
#define LEARN_MS 60000
#define NOT_LEARNED_SAID 3 /* one letter may just be too short to learn from */
#define ARENA_BYTES ((size_t)16 * 1024)

struct learner {
    struct learner_spec spec;
    char *store_dir;
    struct store *store;
    bool begun;
    struct policy policy;
    struct worker worker;
    unsigned not_learned; /* lessons one after another */
    _Atomic(const char *) problem;
};

static int64_t step_of(void *arg) {
    return learner_step(arg);
}

enum sd_err learner_new(const struct learner_spec *spec, struct learner **ret) {
    struct learner *l = calloc(1, sizeof *l);
    if (!l)
        return SD_ERR_NOMEM;
    l->spec = *spec;
    l->store_dir = strdup(spec->store_dir);
    l->policy.purpose = "learn";
    worker_init(&l->worker, &(struct worker_spec){.name = "learn", .step = step_of, .arg = l, .gives_way = true});
    if (!l->store_dir) {
        learner_free(&l);
        return SD_ERR_NOMEM;
    }
    *ret = l;
    return SD_OK;
}

enum sd_err learner_start(struct learner *learner) {
    return worker_start(&learner->worker);
}

void learner_tell_stop(struct learner *learner) {
    if (learner)
        worker_tell_stop(&learner->worker);
}

void learner_free(struct learner **ref) {
    struct learner *l = *ref;
    if (!l)
        return;
    worker_join(&l->worker);
    store_close(&l->store);
    free(l->store_dir);
    free(l);
    *ref = NULL;
}

const char *learner_problem(struct learner *learner) {
    return learner ? atomic_load(&learner->problem) : NULL;
}

/* ---- one decision ---- */

/* Its letter, when it is still what was decided. SD_ERR_NOTFOUND: there is nothing to learn from. */
static enum sd_err find_letter(struct learner *l, const struct learn_row *row, struct object_id *ret) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct ticket_row ticket;
    enum sd_err err = arena ? ticket_get(l->store, &row->ticket, arena, &ticket) : SD_ERR_NOMEM;
    if (err)
        return err;
    if (!ticket.has_last_inbound || (ticket.state == TICKET_SPAM) != row->spam)
        return SD_ERR_NOTFOUND;
    *ret = ticket.last_inbound;
    return SD_OK;
}

static enum sd_err show_to_filter(struct learner *l, bool spam, struct span source) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_learn_req req = {.spam = spam, .source = source};
    struct inspect_learn_rep rep;
    enum sd_err err = inspect_learn_call(l->spec.inspect, &req, deadline_in_ms(LEARN_MS), &msg, &rep);
    if (err)
        return err;
    l->not_learned = rep.problem.n ? l->not_learned + 1 : 0; /* the inspector's log says why */
    atomic_store(&l->problem, l->not_learned < NOT_LEARNED_SAID
                                  ? NULL
                                  : "The spam filter (scan.rspamd_controller) did not learn what people decided.");
    return SD_OK;
}

static enum sd_err teach(struct learner *l, const struct learn_row *row) {
    struct buf source SD_CLEANUP(buf_free) = buf_new(OPENING_MAX);
    struct object_id object;
    struct warrant_id warrant;
    struct opening opening = {
        .keeper = l->spec.keeper, .store = l->store, .warrant = &warrant, .object = &object, .facet = FACET_SOURCE};
    enum sd_err err = find_letter(l, row, &object);
    if (err == SD_OK)
        err = policy_use(&l->policy, l->spec.keeper, deadline_in_ms(KEEPER_MS), &warrant);
    if (err)
        return err;
    err = opening_read(&opening, deadline_in_ms(KEEPER_MS), &source);
    if (err == SD_ERR_DENIED)
        policy_forget(&l->policy); /* not fit to be opened; or the warrant was revoked, and there is another next time */
    return err ? err : show_to_filter(l, row->spam, buf_span(&source));
}

static enum sd_err pass(struct learner *l, int64_t event) {
    enum sd_err err = store_begin(l->store, deadline_in_ms(STORE_MS));
    if (err)
        return err;
    err = learn_position_set(l->store, event);
    if (err == SD_OK)
        return store_commit(l->store);
    store_rollback(l->store);
    return err;
}

static enum sd_err begin(struct learner *l) {
    enum sd_err err = l->store ? SD_OK : store_open(l->store_dir, &l->store);
    if (err || l->begun)
        return err;
    err = store_begin(l->store, deadline_in_ms(STORE_MS));
    if (err)
        return err;
    err = learn_begin(l->store);
    if (err == SD_OK)
        err = store_commit(l->store);
    else
        store_rollback(l->store);
    l->begun = err == SD_OK;
    return err;
}

int64_t learner_step(struct learner *l) {
    struct learn_row row;
    enum sd_err err = begin(l);
    if (err == SD_OK)
        err = learn_next(l->store, &row);
    if (err)
        return l->spec.wait_ms;
    err = teach(l, &row);
    if (l->policy.refused)
        atomic_store(&l->problem, "The spam filter does not learn: access.warrant_policies does not name learn.");
    if (l->policy.refused || opening_may_wait(err) || err == SD_ERR_NOMEM)
        return l->spec.wait_ms;
    return pass(l, row.event) == SD_OK ? 0 : l->spec.wait_ms;
}
