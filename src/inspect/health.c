#include "inspect/health.h"

#include "core/ipc/keeper.h"
#include "core/log.h"

#include <string.h>
#include <time.h>

#define ASK_MS 3000   /* a version is said at once */
#define TOLD_MS 60000 /* the keeper, though nothing changed */
#define DOWN_MS 1000  /* while it does not */
#define TELL_MS 5000
#define TELL_AGAIN_MS 5000 /* a keeper that is locked, or not there yet */
#define OLD_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

#define SENTENCE_DOWN "The virus scanner does not answer: attachments stay closed."

void health_init(struct health *h) {
    h->ask_ms = TOLD_MS;
    pthread_mutex_init(&h->lock, NULL);
    cond_init_monotonic(&h->wake);
}

/* What could be seen of it now. */
struct sight {
    bool up;
    char version[ENGINE_BYTES + 1];
    int64_t made_ms;
    bool has_stamp;
    struct signatures_stamp stamp;
};

static struct sight look(struct health *h) {
    struct sight s = {0};
    struct deadline deadline = deadline_in_ms(ASK_MS);
    s.up = h->scanner.ops && h->scanner.ops->version(h->scanner.self, deadline, s.version, &s.made_ms) == SD_OK;
    s.has_stamp = s.up && h->signatures && signatures_look(h->signatures, deadline, &s.stamp) == SD_OK;
    if (s.made_ms == 0 && s.has_stamp)
        s.made_ms = s.stamp.newest_ms;
    return s;
}

/* Under the lock. */
static bool take_in(struct health *h, const struct sight *s) {
    bool changed = !h->asked || h->up != s->up;
    if (s->up && (s->has_stamp || !h->signatures))
        changed |= engine_see(&h->engine, s->version, s->has_stamp ? &s->stamp : NULL, clock_unix_ms(), h->settle_ms);
    h->asked = true;
    h->up = s->up;
    h->doubted = false;
    if (s->up)
        h->made_ms = s->made_ms;
    return changed;
}

static enum sd_err tell_keeper(struct health *h) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_scanner_rep rep;
    char engine[ENGINE_BYTES + 1];
    pthread_mutex_lock(&h->lock);
    memcpy(engine, h->engine.text, sizeof engine);
    struct keeper_scanner_req req = {.configured = h->scanner.ops != NULL,
                                     .up = h->up,
                                     .engine = span_cstr(engine),
                                     .signatures_ms = h->made_ms,
                                     .problem = h->scanner.ops && !h->up ? SPAN(SENTENCE_DOWN) : SPAN_NONE};
    pthread_mutex_unlock(&h->lock);
    enum sd_err err = keeper_scanner_call(h->keeper, &req, deadline_in_ms(TELL_MS), &msg, &rep);
    if (err)
        log_info("inspect.scanner", "keeper=%s", sd_err_name(err));
    return err;
}

bool health_ask(struct health *h) {
    const struct sight s = look(h);
    pthread_mutex_lock(&h->lock);
    bool was_up = h->up, first = !h->asked;
    bool changed = take_in(h, &s);
    pthread_mutex_unlock(&h->lock);
    if (h->scanner.ops && (first || was_up != s.up))
        log_event(s.up ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "inspect.scanner", "up=%s", s.up ? "yes" : "no");
    return changed;
}

/* Until the next question is due, somebody is to be told, or a scan failed. */
static void wait_for_next(struct health *h, struct deadline tell) {
    pthread_mutex_lock(&h->lock);
    struct deadline next = deadline_in_ms(h->scanner.ops && !h->up ? DOWN_MS : h->ask_ms);
    if (h->keeper)
        next = deadline_sooner(next, tell);
    struct timespec until = {next.at_ns / 1000000000, next.at_ns % 1000000000};
    while (!h->doubted && !deadline_passed(next))
        (void)pthread_cond_timedwait(&h->wake, &h->lock, &until);
    pthread_mutex_unlock(&h->lock);
}

void *health_run(void *arg) {
    struct health *h = arg;
    struct deadline tell = deadline_in_ms(0);
    for (;;) {
        bool changed = health_ask(h);
        if (h->keeper && (changed || deadline_passed(tell))) {
            enum sd_err err = tell_keeper(h);
            tell = deadline_in_ms(err ? TELL_AGAIN_MS : TOLD_MS);
        }
        wait_for_next(h, tell);
    }
    return NULL;
}

void health_doubt(struct health *h) {
    pthread_mutex_lock(&h->lock);
    h->doubted = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

bool health_up(struct health *h, char engine[ENGINE_BYTES + 1]) {
    pthread_mutex_lock(&h->lock);
    bool up = h->scanner.ops && (h->up || !h->asked);
    memcpy(engine, h->engine.text, ENGINE_BYTES + 1);
    pthread_mutex_unlock(&h->lock);
    return up;
}

void health_say(struct health *h, struct buf *to) {
    pthread_mutex_lock(&h->lock);
    if (h->scanner.ops && h->asked && !h->up)
        buf_text(to, SENTENCE_DOWN);
    else if (h->scanner.ops && h->up && h->made_ms && clock_unix_ms() - h->made_ms > OLD_MS)
        buf_text(to, "The virus scanner's signatures are older than seven days.");
    pthread_mutex_unlock(&h->lock);
}
