/* root_wrap.c - the root is kept in another way: plain, or wrapped with a credential or a passphrase. */
#include "core/log.h"
#include "keeper/handlers.h"

#include <stdlib.h>

struct wrapping {
    struct job job;
    struct ipc_call *call;
    enum root_source source;
    struct password_cost cost;
    struct secret opener;
    struct root_wrapper wrapper;
    enum sd_err err;
};

static void wrapping_free(struct wrapping *w) {
    secret_free(&w->opener);
    secret_free(&w->wrapper.key);
    free(w);
}

static void wrap_run(struct job *job) {
    struct wrapping *w = (struct wrapping *)(void *)job;
    if (w->source != ROOT_FILE)
        w->err = root_wrapper_new(w->source, secret_span(&w->opener), w->cost, &w->wrapper);
}

/* The new file is whole before the one of before goes: whatever keeper.root says, one of them opens. */
static enum sd_err keep_otherwise(struct keeper *k, struct wrapping *w) {
    struct root next = {.secret = k->root.secret, .source = w->source, .wrapper = w->wrapper}; /* lent */
    bool other_file = (k->root.source == ROOT_FILE) != (next.source == ROOT_FILE);
    if (!k->spec.dir)
        return SD_ERR_UNSUPPORTED;
    enum sd_err err = root_stage(k->spec.dir, &next);
    if (err == SD_OK)
        err = root_settle(k->spec.dir, next.source);
    if (err)
        return err;
    if (other_file)
        root_remove(k->spec.dir, k->root.source);
    secret_free(&k->root.wrapper.key);
    k->root.wrapper = w->wrapper;
    k->root.source = next.source;
    w->wrapper = (struct root_wrapper){0};
    return SD_OK;
}

static enum sd_err answer(struct keeper *k, struct ipc_call *call, const char *problem, enum root_source source) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_root_wrap_rep_encode(&out, &(struct keeper_root_wrap_rep){.problem = span_cstr(problem)});
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = "root-wrap",
                        .object = "key",
                        .outcome = problem ? OUTCOME_FAILED : OUTCOME_GRANTED,
                        .reason = root_source_text(source)};
    return answer_recorded(k, call, &out, &leaf);
}

static void wrap_done(struct keeper *k, struct job *job) {
    struct wrapping *w = (struct wrapping *)(void *)job;
    enum sd_err err = w->err ? w->err : keep_otherwise(k, w);
    const char *problem = err == SD_ERR_CONFIG ? "The credential is shorter than 16 bytes." : NULL;
    if (err == SD_OK || problem)
        err = answer(k, w->call, problem, w->source);
    if (err)
        ipc_refuse(w->call, err);
    wrapping_free(w);
}

static const char *problem_of(struct keeper *k, const struct keeper_root_wrap_req *req) {
    if (req->how > WRAP_PASSPHRASE)
        return "There is no such way to keep it.";
    if (req->how == WRAP_CREDENTIAL && k->spec.credential.n == 0)
        return "No credential was handed over: set keeper.root = \"credential:NAME\", and LoadCredential= in the unit.";
    if (req->how == WRAP_PASSPHRASE && req->passphrase.n < PASSWORD_MIN_CHARACTERS)
        return "The passphrase is shorter than 15 characters.";
    return NULL;
}

enum sd_err keeper_on_root_wrap(void *ctx, struct ipc_call *call, const struct keeper_root_wrap_req *req) {
    static const enum root_source sources[] = {
        [WRAP_FILE] = ROOT_FILE, [WRAP_CREDENTIAL] = ROOT_CREDENTIAL, [WRAP_PASSPHRASE] = ROOT_PASSPHRASE};
    struct keeper *k = ctx;
    const char *problem = problem_of(k, req);
    if (problem)
        return answer(k, call, problem, ROOT_FILE);
    struct wrapping *w = calloc(1, sizeof *w);
    if (!w)
        return SD_ERR_NOMEM;
    *w = (struct wrapping){.job = {.run = wrap_run, .done = wrap_done},
                           .call = call,
                           .source = sources[req->how],
                           .cost = req->how == WRAP_PASSPHRASE ? k->spec.cost : (struct password_cost){0}};
    struct span opener = req->how == WRAP_PASSPHRASE ? req->passphrase : k->spec.credential;
    enum sd_err err = opener.n ? secret_copy(opener, &w->opener) : SD_OK;
    if (err == SD_OK)
        err = work_add(&k->sign_ins, &w->job);
    if (err)
        wrapping_free(w);
    return err;
}
