#include "clerk/preview.h"
#include "clerk/opening.h"
#include "clerk/worker.h"
#include "core/ipc/cards.h"
#include "core/ipc/render.h"
#include "core/log.h"
#include "store/preview.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEPER_MS 4000
#define STORE_MS 4000
#define KEEP_TRIES 5
#define STORE_FAILED_MS 30000 /* each attempt costs a rendering */
#define ARENA_BYTES ((size_t)4096)
#define CARD_MAX ((size_t)130 * 1024 * 1024) /* render.def */

#define INTERRUPTED                                                                                                            \
    "Its pictures were lost when they were to be kept, and cannot be made again: their key has been used. The file itself is " \
    "still there."

/* One of the threads. */
struct seat {
    struct previewer *previewer;
    unsigned number;
    struct worker worker;
    struct store *store;
    bool busy; /* and the next: under the previewer's lock */
    struct object_id object;
};

struct previewer {
    struct previewer_spec spec;
    char *store_dir;
    pthread_mutex_t lock;
    pthread_mutex_t sealing; /* one at a time: it takes twice the memory of what is sealed */
    bool unsettled;          /* under it: there may be rows of somebody who was sealing and has ended */
    struct seat seats[PREVIEWERS];
};

static int64_t step_of(void *arg) {
    struct seat *seat = arg;
    return previewer_step(seat->previewer, seat->number);
}

enum sd_err previewer_new(const struct previewer_spec *spec, struct previewer **ret) {
    struct previewer *p = calloc(1, sizeof *p);
    if (!p)
        return SD_ERR_NOMEM;
    p->spec = *spec;
    p->unsettled = true;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->sealing, NULL);
    for (unsigned i = 0; i < PREVIEWERS; i++) {
        struct seat *seat = &p->seats[i];
        *seat = (struct seat){.previewer = p, .number = i};
        worker_init(&seat->worker, &(struct worker_spec){.name = "preview", .step = step_of, .arg = seat});
    }
    p->store_dir = strdup(spec->store_dir);
    if (!p->store_dir) {
        previewer_free(&p);
        return SD_ERR_NOMEM;
    }
    *ret = p;
    return SD_OK;
}

enum sd_err previewer_start(struct previewer *previewer) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < PREVIEWERS && err == SD_OK; i++)
        err = worker_start(&previewer->seats[i].worker);
    return err;
}

/* Each has a descriptor of its own of the same bell; whoever is free hears it. */
void previewer_bell(struct previewer *previewer, int fd) {
    for (size_t i = 0; i < PREVIEWERS; i++)
        worker_bell(&previewer->seats[i].worker, i ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : fd);
}

void previewer_tell_stop(struct previewer *previewer) {
    for (size_t i = 0; i < PREVIEWERS; i++)
        worker_tell_stop(&previewer->seats[i].worker);
}

void previewer_free(struct previewer **ref) {
    struct previewer *p = *ref;
    if (!p)
        return;
    previewer_tell_stop(p);
    for (size_t i = 0; i < PREVIEWERS; i++) {
        worker_join(&p->seats[i].worker);
        store_close(&p->seats[i].store);
    }
    free(p->store_dir);
    free(p);
    *ref = NULL;
}

/* ---- rows ---- */

static enum sd_err end_change(struct store *store, enum sd_err err) {
    if (err == SD_OK)
        return store_commit(store);
    store_rollback(store);
    return err;
}

static enum sd_err note_failure(struct seat *seat, struct span reason) {
    enum sd_err err = store_begin(seat->store, deadline_in_ms(STORE_MS));
    if (err)
        return err;
    return end_change(seat->store, preview_failed(seat->store, &seat->object, reason, clock_unix_ms()));
}

static enum sd_err begin_sealing(struct seat *seat) {
    enum sd_err err = store_begin(seat->store, deadline_in_ms(STORE_MS));
    return err ? err : end_change(seat->store, preview_seals(seat->store, &seat->object));
}

static enum sd_err keep(struct seat *seat, struct span sealed, uint32_t pages) {
    enum sd_err err = store_begin(seat->store, deadline_in_ms(STORE_MS));
    return err ? err : end_change(seat->store, preview_done(seat->store, &seat->object, sealed, pages, clock_unix_ms()));
}

/* Nobody is sealing while this has the lock. */
static enum sd_err settle(struct seat *seat) {
    struct previewer *p = seat->previewer;
    enum sd_err err = SD_OK;
    pthread_mutex_lock(&p->sealing);
    if (p->unsettled) {
        err = store_begin(seat->store, deadline_in_ms(STORE_MS));
        if (err == SD_OK)
            err = end_change(seat->store, preview_settle(seat->store, SPAN(INTERRUPTED), clock_unix_ms()));
        p->unsettled = err != SD_OK;
    }
    pthread_mutex_unlock(&p->sealing);
    return err;
}

/* ---- making ---- */

/* How it went with one: WAITS is wanted still. */
enum made { MADE, FAILED, WAITS, STORE_FAILED };
struct making {
    struct seat *seat;
    struct preview_row row;
    char reason[PREVIEW_REASON_MAX + 1]; /* FAILED */
};

static enum made fail(struct making *making, struct span reason) {
    size_t n = reason.n < PREVIEW_REASON_MAX ? reason.n : PREVIEW_REASON_MAX;
    memcpy(making->reason, reason.p, n);
    making->reason[n] = 0;
    return FAILED;
}

static bool given_up(const struct making *making) {
    return clock_unix_ms() - making->row.asked_ms > making->seat->previewer->spec.give_up_ms;
}

static enum made wait_or_give_up(struct making *making, const char *reason) {
    if (worker_stops(&making->seat->worker) || !given_up(making))
        return WAITS;
    return fail(making, span_cstr(reason));
}

static enum made after_opening(struct making *making, enum sd_err err) {
    if (opening_may_wait(err))
        return wait_or_give_up(making, "The keeper did not answer in time.");
    switch (err) {
    case SD_ERR_DENIED:
        return fail(making, SPAN("It may not be shown."));
    case SD_ERR_NOTFOUND:
        return fail(making, SPAN("Its content is not in the store."));
    case SD_ERR_LIMIT:
        return fail(making, SPAN("It is too large to be shown."));
    case SD_ERR_FORGED:
        log_error("clerk.preview", "error=forged");
        return fail(making, SPAN("What the store has is not what came in. It was not looked at."));
    default:
        log_error("clerk.preview", "step=open error=%s", sd_err_name(err));
        return fail(making, SPAN("It could not be opened."));
    }
}

/* A renderer that ends while it is at a file may have ended because of it: that is not tried again by itself. */
static enum made after_rendering(struct making *making, enum sd_err err) {
    if (worker_stops(&making->seat->worker))
        return WAITS;
    if (err == SD_ERR_BUSY)
        return wait_or_give_up(making, "What makes the pictures had too much to do.");
    log_warn("clerk.preview", "step=render error=%s", sd_err_name(err));
    if (err == SD_ERR_UNAVAILABLE)
        return fail(making, SPAN("What makes the pictures ended while it was at it."));
    if (err == SD_ERR_TIMEOUT)
        return fail(making, SPAN("Making the pictures took too long."));
    return fail(making, SPAN("The pictures could not be made."));
}

/* Pictures there are, and as many as it says: the desk counts on it. */
static enum sd_err count_pages(struct span card, uint32_t *ret) {
    struct cards_preview_v1 preview;
    enum sd_err err = cards_preview_v1_decode(card, NULL, &preview);
    if (err)
        return err;
    struct reader r = reader_of(preview.pages);
    uint32_t count = 0;
    while (!r.err && r.rest.n) {
        (void)read_blob(&r, r.rest.n);
        count++;
    }
    err = reader_end(&r);
    if (err || count == 0 || count != preview.count)
        return err ? err : SD_ERR_PARSE;
    *ret = count;
    return SD_OK;
}

/* What was sealed is kept or lost, never sealed again: a full disk is tried some times. */
static enum made keep_sealed(struct making *making, struct span sealed, uint32_t pages) {
    struct seat *seat = making->seat;
    enum sd_err err = SD_ERR_BUSY;
    for (int i = 0; i < KEEP_TRIES && err && err != SD_ERR_NOTFOUND; i++) {
        if (i)
            worker_pause(&seat->worker, seat->previewer->spec.keep_again_ms);
        err = keep(seat, sealed, pages);
    }
    if (err == SD_OK || err == SD_ERR_NOTFOUND) /* done, or its letter was destroyed meanwhile */
        return MADE;
    log_error("clerk.preview", "step=keep error=%s", sd_err_name(err));
    seat->previewer->unsettled = true;
    return fail(making, SPAN(INTERRUPTED));
}

static enum made seal_and_keep(struct making *making, struct span card, uint32_t pages, struct span key) {
    struct seat *seat = making->seat;
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(CARD_MAX + CARD_MAX / 64);
    enum sd_err err = begin_sealing(seat);
    if (err == SD_ERR_NOTFOUND)
        return fail(making, SPAN(INTERRUPTED)); /* or nothing is there any more: then this changes nothing */
    if (err) {
        log_error("clerk.preview", "step=begin-seal error=%s", sd_err_name(err));
        seat->previewer->unsettled = true; /* it may have been written all the same */
        return STORE_FAILED;
    }
    err = seal_facet(key, &seat->object, FACET_PREVIEW, card, &sealed);
    if (err == SD_OK)
        return keep_sealed(making, buf_span(&sealed), pages);
    log_error("clerk.preview", "step=seal error=%s", sd_err_name(err));
    return fail(making, SPAN(INTERRUPTED));
}

static enum made take_pictures(struct making *making, struct span card) {
    struct seat *seat = making->seat;
    struct previewer *p = seat->previewer;
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct opening opening = {.keeper = p->spec.keeper,
                              .store = seat->store,
                              .warrant = &making->row.warrant,
                              .object = &seat->object,
                              .facet = FACET_PREVIEW};
    uint32_t pages = 0;
    if (count_pages(card, &pages) != SD_OK)
        return after_rendering(making, SD_ERR_PROTOCOL);
    enum sd_err err = opening_key(&opening, deadline_in_ms(KEEPER_MS), &key);
    if (err)
        return after_opening(making, err);
    pthread_mutex_lock(&p->sealing);
    enum made made = seal_and_keep(making, card, pages, secret_span(&key));
    pthread_mutex_unlock(&p->sealing);
    return made;
}

static enum made take_outcome(struct making *making, const struct render_pages_rep *rep) {
    if (rep->outcome == RENDER_DONE)
        return take_pictures(making, rep->preview);
    if (rep->reason.n && span_is_utf8(rep->reason))
        return fail(making, rep->reason);
    return fail(making, rep->outcome == RENDER_UNSUPPORTED ? SPAN("There are no pictures of such files.")
                                                           : SPAN("The pictures could not be made."));
}

static enum made make(struct making *making) {
    struct seat *seat = making->seat;
    struct previewer *p = seat->previewer;
    struct buf file SD_CLEANUP(buf_free) = buf_new(OPENING_MAX);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct render_pages_rep rep;
    struct opening opening = {.keeper = p->spec.keeper,
                              .store = seat->store,
                              .warrant = &making->row.warrant,
                              .object = &seat->object,
                              .facet = FACET_FILE};
    if (ipc_client_broken(p->spec.render)) /* nothing is opened in vain */
        return wait_or_give_up(making, "What makes the pictures is not running.");
    enum sd_err err = opening_read(&opening, deadline_in_ms(KEEPER_MS), &file);
    if (err)
        return after_opening(making, err);
    struct render_pages_req req = {.content = buf_span(&file)};
    err = render_pages_call(p->spec.render, &req, deadline_in_ms(p->spec.render_ms), &msg, &rep);
    buf_free(&file);
    return err ? after_rendering(making, err) : take_outcome(making, &rep);
}

/* ---- steps ---- */

/* SD_ERR_NOTFOUND: nothing is wanted that nobody is at. */
static enum sd_err claim(struct seat *seat, struct arena *arena, struct preview_row *ret) {
    struct previewer *p = seat->previewer;
    const struct seat *other = &p->seats[seat->number ? 0 : 1];
    pthread_mutex_lock(&p->lock);
    enum sd_err err = preview_next(seat->store, other->busy ? &other->object : NULL, arena, ret);
    seat->busy = err == SD_OK;
    if (seat->busy)
        seat->object = ret->object;
    pthread_mutex_unlock(&p->lock);
    return err;
}

static void leave(struct seat *seat) {
    pthread_mutex_lock(&seat->previewer->lock);
    seat->busy = false;
    pthread_mutex_unlock(&seat->previewer->lock);
}

static int64_t do_one(struct seat *seat, const struct preview_row *row) {
    struct making making = {.seat = seat, .row = *row};
    enum made made = make(&making);
    enum sd_err err = made == FAILED ? note_failure(seat, span_cstr(making.reason)) : SD_OK;
    if (err)
        log_error("clerk.preview", "step=note error=%s", sd_err_name(err));
    if (err || made == STORE_FAILED)
        return -STORE_FAILED_MS;
    return made == WAITS ? -seat->previewer->spec.wait_ms : 0;
}

int64_t previewer_step(struct previewer *p, unsigned number) {
    struct seat *seat = &p->seats[number];
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct preview_row row;
    enum sd_err err = seat->store ? SD_OK : store_open(p->store_dir, &seat->store);
    if (err == SD_OK)
        err = arena ? settle(seat) : SD_ERR_NOMEM;
    if (err == SD_OK)
        err = claim(seat, arena, &row);
    if (err)
        return p->spec.wait_ms;
    int64_t ms = do_one(seat, &row);
    leave(seat);
    return ms;
}
