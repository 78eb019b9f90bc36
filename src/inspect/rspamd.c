#include "inspect/rspamd.h"

#include "core/file.h"
#include "core/log.h"
#include "inspect/http.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define SYMBOLS_MAX 20   /* in the sentence, the heaviest */
#define SYMBOLS_READ 500 /* of an answer */
#define SYMBOL_BYTES 48
#define SCORE_MAX 100000.0

static const struct {
    const char *word;
    unsigned percent;
} actions[] = {
#define X(name, word, percent) {word, percent},
    SPAM_ACTION_LIST(X)
#undef X
};

uint16_t spam_weight(enum spam_action action, uint16_t base) {
    uint32_t weight = (uint32_t)base * actions[action].percent / 100;
    return (uint16_t)(weight > SIGNAL_WEIGHT_MAX ? SIGNAL_WEIGHT_MAX : weight);
}

/* ---- the question ---- */

static void put_address(struct buf *fields, const uint8_t ip[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];
    bool is_v4 = memcmp(ip, mapped, sizeof mapped) == 0;
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip + 12 : ip, text, sizeof text))
        http_field(fields, "IP", span_cstr(text));
}

static void put_question(struct buf *fields, const struct spam_question *q) {
    http_field(fields, "Log", SPAN("no")); /* neither its log nor its history has to do with who writes to whom */
    put_address(fields, q->envelope->ip);
    http_field(fields, "Helo", q->envelope->helo);
    http_field(fields, "Hostname", q->host);
    http_field(fields, "From", q->envelope->mail_from.n ? q->envelope->mail_from : SPAN("<>"));
    for (size_t i = 0; i < q->recipient_count; i++)
        http_field(fields, "Rcpt", q->recipients[i]);
}

static void note(struct rspamd *rspamd, enum sd_err err) {
    bool was_down = atomic_exchange(&rspamd->down, err != SD_OK);
    if (was_down != (err != SD_OK))
        log_event(err ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "inspect.rspamd", "up=%s error=%s", err ? "no" : "yes",
                  sd_err_name(err));
}

enum sd_err rspamd_begin(struct rspamd *rspamd, const struct spam_question *question, struct deadline deadline, int *ret_fd) {
    struct buf fields SD_CLEANUP(buf_free) = buf_new(65536);
    int fd = -1;
    put_question(&fields, question);
    enum sd_err err = connector_connect(rspamd->connector, rspamd->check, deadline, &fd);
    err = err ? err : http_send(fd, "/checkv2", buf_span(&fields), question->letter, deadline);
    if (err)
        fd_close(&fd);
    *ret_fd = fd;
    if (err)
        note(rspamd, err);
    return err;
}

/* ---- the answer ---- */

struct symbol {
    const char *name;
    double score;
};

static int heavier_first(const void *a, const void *b) {
    double x = fabs(((const struct symbol *)a)->score), y = fabs(((const struct symbol *)b)->score);
    return x < y ? 1 : x > y ? -1 : strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

static double score_of(const json_t *value) {
    double score = json_number_value(value);
    return isfinite(score) && fabs(score) < SCORE_MAX ? score : 0;
}

static size_t read_symbols(json_t *object, struct symbol *symbols) {
    const char *name;
    json_t *value;
    size_t n = 0;
    json_object_foreach(object, name, value) if (n < SYMBOLS_READ)
        symbols[n++] = (struct symbol){name, score_of(json_object_get(value, "score"))};
    qsort(symbols, n, sizeof *symbols, heavier_first);
    return n;
}

/* Its own words; whatever is none of them is left out. */
static void put_name(struct buf *to, const char *name) {
    for (size_t i = 0; name[i] && i < SYMBOL_BYTES; i++)
        buf_byte(to,
                 (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z')
                     ? (uint8_t)name[i]
                     : '_');
}

static void put_sentence(struct buf *to, double score, double required, enum spam_action action, json_t *object) {
    struct symbol symbols[SYMBOLS_READ];
    size_t n = read_symbols(object, symbols);
    buf_printf(to, "The spam filter gives it %.1f of %.1f (%s)", score, required, actions[action].word);
    for (size_t i = 0; i < n && i < SYMBOLS_MAX && (symbols[i].score != 0 || i == 0); i++) {
        buf_text(to, i ? ", " : ": ");
        put_name(to, symbols[i].name);
        buf_printf(to, " %.1f", symbols[i].score);
    }
    buf_byte(to, '.');
}

static enum sd_err read_members(json_t *root, struct arena *arena, struct spam_answer *ret) {
    struct buf sentence SD_CLEANUP(buf_free) = buf_new(4096);
    struct span word = span_cstr(json_string_value(json_object_get(root, "action")));
    const json_t *score = json_object_get(root, "score");
    size_t action = 0;
    while (action < SD_COUNT(actions) && !span_eq(word, span_cstr(actions[action].word)))
        action++;
    if (action == SD_COUNT(actions) || !json_is_number(score))
        return SD_ERR_PROTOCOL;
    put_sentence(&sentence, score_of(score), score_of(json_object_get(root, "required_score")), (enum spam_action)action,
                 json_object_get(root, "symbols"));
    *ret = (struct spam_answer){(enum spam_action)action, arena_span(arena, buf_span(&sentence))};
    return arena_err(arena);
}

enum sd_err rspamd_read_answer(struct span json, struct arena *arena, struct spam_answer *ret) {
    json_t *root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    enum sd_err err = json_is_object(root) ? read_members(root, arena, ret) : SD_ERR_PROTOCOL;
    json_decref(root);
    return err;
}

enum sd_err rspamd_collect(struct rspamd *rspamd, int fd, struct deadline deadline, struct arena *arena,
                           struct spam_answer *ret) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(HTTP_ANSWER_BYTES);
    unsigned status = 0;
    enum sd_err err = http_receive(fd, deadline, &status, &body);
    (void)close(fd);
    if (err == SD_OK && status != 200)
        err = SD_ERR_UNAVAILABLE;
    err = err ? err : rspamd_read_answer(buf_span(&body), arena, ret);
    note(rspamd, err);
    return err;
}

/* ---- learning ---- */

/* What it knows already is learned; versions before 3.5 answer that with 404, as if there were nothing there. */
static const char *problem_of(enum sd_err err, unsigned status, struct span body) {
    if (err)
        return "The spam filter does not answer (scan.rspamd_controller).";
    bool known = status == 404 && span_search(body, SPAN("already learned")) < body.n;
    if (status == 200 || status == 208 || known)
        return "";
    if (status == 204)
        return "The spam filter did not learn it: it knows it, it is too short, or there is nowhere to keep what is learned.";
    if (status == 401 || status == 403)
        return "The spam filter did not take the password (scan.rspamd_password_file).";
    return status == 404 ? "The spam filter has nothing there that learns (scan.rspamd_controller is its controller)."
                         : "The spam filter could not learn it; its log says why.";
}

void rspamd_learn(struct rspamd *rspamd, bool spam, struct span letter, struct deadline deadline, const char **ret_problem) {
    struct buf fields SD_CLEANUP(buf_free) = buf_new(8192);
    struct buf body SD_CLEANUP(buf_free) = buf_new(HTTP_ANSWER_BYTES);
    unsigned status = 0;
    int fd = -1;
    if (rspamd->learn == RSPAMD_NOWHERE || !rspamd->connector) {
        *ret_problem = "No spam filter that learns is configured (scan.rspamd_controller).";
        return;
    }
    http_field(&fields, "Password", secret_span(&rspamd->password));
    enum sd_err err = connector_connect(rspamd->connector, rspamd->learn, deadline, &fd);
    err = err ? err : http_send(fd, spam ? "/learnspam" : "/learnham", buf_span(&fields), letter, deadline);
    err = err ? err : http_receive(fd, deadline, &status, &body);
    fd_close(&fd);
    *ret_problem = problem_of(err, status, buf_span(&body));
    if (**ret_problem)
        log_warn("inspect.learn", "status=%u error=%s", status, sd_err_name(err));
}
