/* unlock_ops.c - whether the keeper is open, and opening it with a passphrase. */
#include "core/log.h"
#include "keeper/handlers.h"
#include "keeper/unlock.h"

#include <stdlib.h>

enum sd_err keeper_on_state(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_state_req *req) {
    struct keeper *k = ctx;
    enum keeper_lock lock = (enum keeper_lock)atomic_load(&k->lock);
    const char *reason = lock == LOCK_OPEN && audit_failing(k->audit) ? LOG_FAILING_SENTENCE : keeper_lock_sentence(lock);
    keeper_state_reply(call, &(struct keeper_state_rep){.open = lock == LOCK_OPEN, .reason = span_cstr(reason)});
    return SD_OK;
}

/* ---- unlock: the passphrase is stretched by a worker ---- */

struct unlocking {
    struct job job;
    struct ipc_call *call;
    const char *dir;
    struct secret passphrase;
    struct roots roots;
};

static void unlocking_free(struct unlocking *u) {
    secret_free(&u->passphrase);
    roots_free(&u->roots);
    free(u);
}

static void unlock_run(struct job *job) {
    struct unlocking *u = (struct unlocking *)(void *)job;
    roots_unseal(u->dir, secret_span(&u->passphrase), &u->roots);
}

static void put_record(struct keeper *k, struct records *records) {
    struct buf wrong SD_CLEANUP(buf_free) = buf_new(64);
    if (k->wrong_unlocks)
        buf_printf(&wrong, "%u", k->wrong_unlocks);
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = "unlock",
                        .object = "keeper",
                        .outcome = OUTCOME_GRANTED,
                        .reason = k->wrong_unlocks ? "wrong attempts before:" : NULL,
                        .detail = buf_span(&wrong)};
    records_add(records, &leaf);
    k->wrong_unlocks = 0;
}

static enum sd_err answer(struct keeper *k, struct ipc_call *call, const char *problem) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = keeper_unlock_rep_encode(&out, &(struct keeper_unlock_rep){.problem = span_cstr(problem)});
    if (err)
        return err;
    if (problem) { /* nothing can be recorded before it is open */
        ipc_answer(call, &out);
        return SD_OK;
    }
    put_record(k, &records);
    return records_send(&records, call, SD_OK, &out);
}

static void unlock_done(struct keeper *k, struct job *job) {
    struct unlocking *u = (struct unlocking *)(void *)job;
    enum sd_err err = keeper_is_open(k) ? SD_OK : unlock_with(k, &u->roots);
    const char *problem = NULL;
    if (!err && !keeper_is_open(k)) {
        enum keeper_lock lock = (enum keeper_lock)atomic_load(&k->lock);
        problem = lock == LOCK_PASSPHRASE ? "The passphrase is not the right one." : keeper_lock_sentence(lock);
        k->wrong_unlocks += lock == LOCK_PASSPHRASE;
        log_warn("keeper.unlock", "refused=%u", k->wrong_unlocks);
    }
    if (!err)
        err = answer(k, u->call, problem);
    if (err)
        ipc_refuse(u->call, err);
    unlocking_free(u);
}

enum sd_err keeper_on_unlock(void *ctx, struct ipc_call *call, const struct keeper_unlock_req *req) {
    struct keeper *k = ctx;
    if (keeper_is_open(k))
        return answer(k, call, "It is open already.");
    if (atomic_load(&k->lock) != LOCK_PASSPHRASE)
        return answer(k, call, keeper_lock_sentence((enum keeper_lock)atomic_load(&k->lock)));
    struct unlocking *u = calloc(1, sizeof *u);
    if (!u)
        return SD_ERR_NOMEM;
    *u = (struct unlocking){.job = {.run = unlock_run, .done = unlock_done}, .call = call, .dir = k->spec.dir};
    enum sd_err err = secret_copy(req->passphrase, &u->passphrase);
    if (err == SD_OK)
        err = work_add(&k->sign_ins, &u->job);
    if (err)
        unlocking_free(u);
    return err;
}
