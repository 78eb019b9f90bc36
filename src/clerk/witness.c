#include "clerk/witness.h"
#include "clerk/syslog.h"
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 2000
#define ASK_MS 5000
#define SEND_MS 10000
#define LAST_MS 2000 /* at the end, which has 10 s for everything */
#define RETRY_MAX_MS 60000
#define SAY_AFTER_MS 5000 /* a restart of a server is no problem */
#define NOTE_BYTES ((size_t)1024)
#define CA_BYTES ((size_t)4 * 1024 * 1024)

/* One witness: what it has, and how it is. Used by the thread; problem fields under the lock. */
struct post {
    bool wanted;
    uint8_t had[NOTE_BYTES]; /* the last checkpoint that it took */
    size_t had_n;
    struct deadline next_try;
    int64_t wait_ms;
    int64_t failing_since_ns; /* 0: it is not */
    const char *problem;
};

struct witness {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    unsigned long thread;
    struct ipc_client *keeper;
    struct post file, syslog;
    int file_fd;                 /* under the lock */
    const char *wanted;          /* the same: a descriptor to be handed over anew */
    struct syslog_target target; /* unix_fd under the lock */
    struct buf host, note;       /* note: the newest checkpoint */
};

unsigned witness_calls(const struct config *config) {
    struct endpoint endpoint;
    if (endpoint_parse(span_cstr(config_text(config, "log.syslog")), &endpoint) != SD_OK)
        return 0;
    return endpoint.kind == ENDPOINT_TCP || endpoint.kind == ENDPOINT_TLS ? CALLS_INET : 0;
}

static void witness_free(struct witness **witness) {
    if (!*witness)
        return;
    tls_context_free(&(*witness)->target.tls);
    if ((*witness)->file_fd >= 0)
        (void)close((*witness)->file_fd);
    if ((*witness)->target.unix_fd >= 0)
        (void)close((*witness)->target.unix_fd);
    buf_free(&(*witness)->host);
    buf_free(&(*witness)->note);
    pthread_cond_destroy(&(*witness)->wake);
    pthread_mutex_destroy(&(*witness)->lock);
    free(*witness);
    *witness = NULL;
}

static enum sd_err read_anchors(const struct config *config, struct witness *w) {
    struct buf ca SD_CLEANUP(buf_free) = buf_new(CA_BYTES);
    const char *path = config_text(config, "log.syslog_ca");
    enum sd_err err = file_read(path, &ca);
    if (err == SD_OK)
        err = tls_client_context(buf_span(&ca), &w->target.tls);
    if (err)
        log_error("clerk.witness", "log.syslog_ca cannot be read: %s", sd_err_name(err));
    return err;
}

static enum sd_err configure(struct role_ctx *ctx, struct witness *w) {
    const struct config *config = role_config(ctx);
    enum sd_err err = endpoint_parse(span_cstr(config_text(config, "log.syslog")), &w->target.endpoint);
    w->file.wanted = *config_text(config, "log.checkpoint_file");
    w->syslog.wanted = err == SD_OK && w->target.endpoint.kind != ENDPOINT_NONE;
    buf_text(&w->host, config_text(config, "main.hostname"));
    if (err == SD_OK && witness_calls(config))
        w->target.dns = role_client(ctx, "dns");
    if (err == SD_OK && w->target.endpoint.kind == ENDPOINT_TLS)
        err = read_anchors(config, w);
    return err ? err : buf_err(&w->host);
}

enum sd_err witness_new(struct role_ctx *ctx, struct witness **ret) {
    struct witness *w SD_CLEANUP(witness_free) = calloc(1, sizeof *w);
    if (!w)
        return SD_ERR_NOMEM;
    pthread_mutex_init(&w->lock, NULL);
    cond_init_monotonic(&w->wake);
    w->file_fd = w->target.unix_fd = -1;
    w->host = buf_new(LIMIT_DOMAIN_BYTES);
    w->note = buf_new(NOTE_BYTES);
    enum sd_err err = configure(ctx, w);
    if (err)
        return err;
    *ret = NULL;
    if (!w->file.wanted && !w->syslog.wanted)
        return SD_OK;
    *ret = w;
    w = NULL;
    return SD_OK;
}

enum sd_err witness_take_file(struct witness *w, const char *name, int fd) {
    bool file = strcmp(name, WITNESS_FILE) == 0;
    if (!w || (!file && strcmp(name, WITNESS_SYSLOG) != 0)) {
        (void)close(fd);
        return SD_ERR_PROTOCOL;
    }
    pthread_mutex_lock(&w->lock);
    int *to = file ? &w->file_fd : &w->target.unix_fd;
    if (*to >= 0)
        (void)close(*to);
    *to = fd;
    w->wanted = NULL;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return SD_OK;
}

/* ---- how it goes ---- */

static void took(struct witness *w, struct post *post) {
    pthread_mutex_lock(&w->lock);
    memcpy(post->had, w->note.p, w->note.n);
    post->had_n = w->note.n;
    post->wait_ms = 0;
    post->failing_since_ns = 0;
    post->problem = NULL;
    pthread_mutex_unlock(&w->lock);
}

static void did_not_take(struct witness *w, struct post *post, const char *problem, const char *descriptor) {
    pthread_mutex_lock(&w->lock);
    post->wait_ms = post->wait_ms == 0 ? 1000 : post->wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : post->wait_ms * 2;
    post->next_try = deadline_in_ms(post->wait_ms);
    if (post->failing_since_ns == 0)
        post->failing_since_ns = clock_mono_ns();
    post->problem = problem;
    w->wanted = descriptor ? descriptor : w->wanted;
    pthread_mutex_unlock(&w->lock);
}

static void put_problem(const struct post *post, struct buf *reason) {
    if (!post->problem || clock_mono_ns() - post->failing_since_ns < SAY_AFTER_MS * INT64_C(1000000))
        return;
    if (reason->n)
        buf_byte(reason, ' ');
    buf_text(reason, post->problem);
}

void witness_health(struct witness *w, struct buf *reason, const char **ret_wanted) {
    *ret_wanted = NULL;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    put_problem(&w->file, reason);
    put_problem(&w->syslog, reason);
    *ret_wanted = w->wanted;
    w->wanted = NULL; /* asked once for each try */
    pthread_mutex_unlock(&w->lock);
}

/* ---- sending ---- */

static bool is_due(struct witness *w, const struct post *post, bool last) {
    if (!post->wanted || w->note.n == 0 || span_eq(buf_span(&w->note), span_of(post->had, post->had_n)))
        return false;
    return last || post->wait_ms == 0 || deadline_passed(post->next_try);
}

/* Under no lock: a duplicate of the descriptor, which the supervisor may replace meanwhile. */
static int borrow_fd(struct witness *w, const int *fd) {
    pthread_mutex_lock(&w->lock);
    int copy = *fd >= 0 ? dup(*fd) : -1;
    pthread_mutex_unlock(&w->lock);
    return copy;
}

static void to_file(struct witness *w) {
    struct stat st;
    int fd = borrow_fd(w, &w->file_fd);
    bool there = fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
    bool written = there && write(fd, w->note.p, w->note.n) == (ssize_t)w->note.n && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (written)
        took(w, &w->file);
    else
        did_not_take(w, &w->file,
                     there ? "The file of checkpoints (log.checkpoint_file) cannot be written."
                           : "The file of checkpoints (log.checkpoint_file) cannot be opened.",
                     WITNESS_FILE);
}

static struct span line_of(struct span note, unsigned number) {
    struct span_split split = span_split_start(note);
    struct span line = SPAN_NONE;
    for (unsigned i = 0; i <= number; i++)
        if (!span_split_next(&split, '\n', &line))
            return SPAN_NONE;
    return line;
}

/* One line that says what it is, and holds the whole signed note: `base64 -d` of the last word gives the file to verify with.
 */
static void put_text(struct buf *to, struct span note) {
    buf_text(to, "checkpoint origin=");
    buf_put(to, line_of(note, 0));
    buf_text(to, " size=");
    buf_put(to, line_of(note, 1));
    buf_text(to, " root=");
    buf_put(to, line_of(note, 2));
    buf_text(to, " note=");
    put_base64(to, note);
}

static const char *syslog_problem(enum sd_err err) {
    if (err == SD_ERR_FORGED)
        return "The syslog server (log.syslog) shows a certificate that is not valid for its name.";
    return err == SD_ERR_NOTFOUND ? "The syslog server's name (log.syslog) has no address."
                                  : "The syslog server (log.syslog) cannot be reached.";
}

static void to_syslog(struct witness *w, struct deadline deadline) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(SYSLOG_MESSAGE_MAX),
                    message SD_CLEANUP(buf_free) = buf_new(SYSLOG_MESSAGE_MAX);
    put_text(&text, buf_span(&w->note));
    struct syslog_message fields = {.host = buf_span(&w->host),
                                    .id = SPAN("checkpoint"),
                                    .text = buf_span(&text),
                                    .time_ms = clock_unix_ms(),
                                    .pid = (int)getpid()};
    syslog_put(&message, &fields);
    struct syslog_target target = w->target;
    target.unix_fd = borrow_fd(w, &w->target.unix_fd);
    enum sd_err err = text.err ? text.err : buf_err(&message);
    if (err == SD_OK)
        err = syslog_send(&target, buf_span(&message), deadline);
    if (target.unix_fd >= 0)
        (void)close(target.unix_fd);
    if (err == SD_OK)
        took(w, &w->syslog);
    else
        did_not_take(w, &w->syslog, syslog_problem(err), target.endpoint.kind == ENDPOINT_UNIX ? WITNESS_SYSLOG : NULL);
}

/* While the keeper is away the last checkpoint that it gave is still the newest. */
static void fetch(struct witness *w, bool last) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_checkpoint_rep rep;
    struct keeper_checkpoint_req req = {.now = last}; /* nobody sends the one that the keeper makes at its own end */
    enum sd_err err = keeper_checkpoint_call(w->keeper, &req, deadline_in_ms(last ? LAST_MS : ASK_MS), &msg, &rep);
    if (err || rep.note.n == 0)
        return;
    buf_reset(&w->note);
    buf_put(&w->note, rep.note);
}

static void step(struct witness *w, bool last) {
    fetch(w, last);
    if (is_due(w, &w->file, last))
        to_file(w);
    if (is_due(w, &w->syslog, last))
        to_syslog(w, deadline_in_ms(last ? LAST_MS : SEND_MS));
}

static bool wait_and_go_on(struct witness *w) {
    struct deadline deadline = deadline_in_ms(POLL_MS);
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    pthread_mutex_lock(&w->lock);
    if (!w->stopping)
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
    bool go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *run(void *arg) {
    struct witness *w = arg;
    do
        step(w, false);
    while (wait_and_go_on(w));
    step(w, true);
    return NULL;
}

enum sd_err witness_start(struct witness *w, struct ipc_client *keeper) {
    w->keeper = keeper;
    return role_thread("witness", run, w, &w->thread);
}

void witness_stop(struct witness **witness) {
    struct witness *w = *witness;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->thread)
        (void)pthread_join(w->thread, NULL);
    witness_free(witness);
}
