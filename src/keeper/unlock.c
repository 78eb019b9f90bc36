#include "keeper/unlock.h"
#include "core/log.h"
#include "keeper/backup.h"
#include "keeper/generation.h"
#include "keeper/handlers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096

const char *keeper_lock_sentence(enum keeper_lock lock) {
    static const char *const sentences[] = {
#define X(name, sentence) sentence,
        KEEPER_LOCK_LIST(X)
#undef X
    };
    return (size_t)lock < SD_COUNT(sentences) ? sentences[lock] : sentences[0];
}

void keeper_set_lock(struct keeper *k, enum keeper_lock lock) {
    if (atomic_exchange(&k->lock, (int)lock) != (int)lock && lock != LOCK_OPEN)
        log_error("keeper.locked", "%s", keeper_lock_sentence(lock));
}

bool keeper_is_open(struct keeper *k) {
    return atomic_load(&k->lock) == LOCK_OPEN;
}

enum sd_err restoring_load(struct keeper *k) {
    struct query q = db_query(k->db, SQL_META_GET);
    query_text(&q, SPAN(META_RESTORING));
    k->restoring = query_row(&q);
    return query_end(&q);
}

/* ---- the database ---- */

/* The lock for a database that does not open; SD_OK through *ret_err: nothing that a person must see to. */
static enum keeper_lock lock_of_database(enum sd_err err, const char *path) {
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return LOCK_NO_DATABASE;
    switch (err) {
    case SD_ERR_CONFIG:
        return LOCK_VERSION;
    case SD_ERR_FORGED: /* db_open: its pages do not fit together, or it is none */
        return LOCK_DAMAGED;
    default:
        return LOCK_CLOSED; /* disk, memory: trying again may help */
    }
}

static enum sd_err open_database(struct keeper *k) {
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, "%s/keeper.db", k->spec.dir);
    enum sd_err err = db_open(path, false, &k->db);
    if (err == SD_OK)
        return SD_OK;
    enum keeper_lock lock = lock_of_database(err, path);
    if (lock == LOCK_CLOSED)
        return err;
    keeper_set_lock(k, lock);
    return SD_OK;
}

/* ---- the root ---- */

void roots_free(struct roots *roots) {
    for (size_t i = 0; i < SD_COUNT(roots->copy); i++)
        root_free(&roots->copy[i]);
}

static enum keeper_lock lock_of_root(enum sd_err err, enum root_source source) {
    switch (err) {
    case SD_ERR_NOTFOUND:
        return LOCK_NO_ROOT;
    case SD_ERR_DENIED:
        return LOCK_ROOT_MODE;
    case SD_ERR_CONFIG:
        return LOCK_ROOT_FORM;
    case SD_ERR_FORGED:
        return source == ROOT_CREDENTIAL ? LOCK_WRONG_CREDENTIAL : LOCK_PASSPHRASE;
    default:
        return LOCK_CLOSED;
    }
}

/* Takes what fits, and settles a replacement that a crash left undone. SD_ERR_FORGED: neither fits. */
static enum sd_err take_fitting(struct keeper *k, struct roots *roots) {
    enum sd_err err = SD_ERR_FORGED;
    for (unsigned i = 0; i < SD_COUNT(roots->copy); i++) {
        struct root *root = &roots->copy[i];
        if (roots->err[i])
            continue;
        err = vault_load(k->db, &root->secret, &k->vault);
        if (err == SD_ERR_FORGED)
            continue;
        if (err)
            return err;
        k->root = *root;
        *root = (struct root){0};
        if (i == ROOT_PRESENT)
            root_unstage(k->spec.dir, k->root.source);
        else if (root_settle(k->spec.dir, k->root.source) != SD_OK)
            log_error("keeper.root", "the new root has its own name still");
        return SD_OK;
    }
    return err;
}

static bool is_misfit(struct keeper *k, enum sd_err err) {
    return err == SD_ERR_FORGED || err == SD_ERR_NOTFOUND || err == SD_ERR_CONFIG || err == SD_ERR_PARSE || db_damaged(k->db);
}

static enum sd_err stay_locked(struct keeper *k, enum keeper_lock lock) {
    vault_free(&k->vault);
    root_free(&k->root);
    keeper_set_lock(k, lock);
    return SD_OK;
}

void keeper_shut(struct keeper *k) {
    pages_forget(&k->pages);
    for (size_t i = 0; i < SD_COUNT(k->intake_cache); i++)
        hpke_receiver_free(&k->intake_cache[i].receiver);
    (void)stay_locked(k, LOCK_DAMAGED);
}

/* With the vault open the rest must open too; what does not is damage. */
static enum sd_err open_under(struct keeper *k, struct roots *roots, enum root_source source) {
    enum sd_err err = roots->err[ROOT_PRESENT] == SD_ERR_NOTFOUND ? roots->err[ROOT_NEXT] : roots->err[ROOT_PRESENT];
    if (roots->err[ROOT_PRESENT] && roots->err[ROOT_NEXT])
        return lock_of_root(err, source) == LOCK_CLOSED ? err : stay_locked(k, lock_of_root(err, source));
    err = take_fitting(k, roots);
    if (err == SD_ERR_FORGED)
        return stay_locked(k, LOCK_WRONG_ROOT);
    if (err == SD_OK)
        err = keeper_open_rest(k);
    return err && is_misfit(k, err) ? stay_locked(k, LOCK_DAMAGED) : err;
}

static enum sd_err open_plain(struct keeper *k) {
    struct roots roots SD_CLEANUP(roots_free) = {0};
    for (unsigned i = 0; i < SD_COUNT(roots.copy); i++)
        roots.err[i] = root_read(k->spec.dir, (enum root_copy)i, &roots.copy[i]);
    return open_under(k, &roots, ROOT_FILE);
}

static bool any_copy(struct keeper *k, enum root_source source) {
    return root_is_there(k->spec.dir, source, ROOT_PRESENT) || root_is_there(k->spec.dir, source, ROOT_NEXT);
}

void roots_unseal(const char *dir, struct span opener, struct roots *roots) {
    for (unsigned i = 0; i < SD_COUNT(roots->copy); i++)
        roots->err[i] = root_unseal(dir, (enum root_copy)i, opener, &roots->copy[i]);
}

/* The sealed file counts; a plain one beside it was left by a crash while it was being sealed. */
static void forget_plain(struct keeper *k) {
    if (keeper_is_open(k) && k->root.source != ROOT_FILE && any_copy(k, ROOT_FILE))
        root_remove(k->spec.dir, ROOT_FILE);
}

static enum sd_err open_with_credential(struct keeper *k) {
    struct roots roots SD_CLEANUP(roots_free) = {0};
    if (k->spec.credential.n == 0) {
        keeper_set_lock(k, LOCK_NO_CREDENTIAL);
        return SD_OK;
    }
    roots_unseal(k->spec.dir, k->spec.credential, &roots);
    enum sd_err err = open_under(k, &roots, ROOT_CREDENTIAL);
    if (err == SD_OK)
        forget_plain(k);
    return err;
}

enum sd_err unlock_at_start(struct keeper *k) {
    backup_drop(k); /* one that was being made when the keeper died */
    bool sealed = any_copy(k, ROOT_PASSPHRASE), plain = any_copy(k, ROOT_FILE);
    enum sd_err err = open_database(k);
    if (err || !k->db)
        return err;
    if (k->spec.root == ROOT_FILE && (plain || !sealed))
        return open_plain(k);
    if (k->spec.root == ROOT_FILE) {
        keeper_set_lock(k, LOCK_SEALED);
        return SD_OK;
    }
    if (!sealed) {
        log_warn("keeper.root", "keeper.root is set, but the root is not wrapped yet: run sealdesk keys wrap");
        return open_plain(k);
    }
    if (k->spec.root == ROOT_CREDENTIAL)
        return open_with_credential(k);
    keeper_set_lock(k, LOCK_PASSPHRASE);
    return SD_OK;
}

enum sd_err unlock_with(struct keeper *k, struct roots *roots) {
    enum sd_err err = open_under(k, roots, ROOT_PASSPHRASE);
    if (err || !keeper_is_open(k))
        return err;
    forget_plain(k);
    if (k->spec.opened && k->spec.opened(k->spec.opened_arg, k) != SD_OK)
        keeper_set_lock(k, LOCK_SETTINGS);
    return SD_OK;
}
