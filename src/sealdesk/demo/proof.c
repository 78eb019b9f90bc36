/* proof.c - the story's end: who may, what needs a gesture, and that the log proves itself to a program that shares nothing
 * with us. */
#include "sealdesk/demo/demo.h"

#include <string.h>
#include <time.h>

/* ---- who may ---- */

bool demo_who_can(struct demo *d, char *detail) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    char *argv[] = {d->program, "who-can", "-c", d->conf, "open", "ticket", d->ticket, "--json", NULL};
    int status = demo_run(argv, &out);
    struct span_split split = span_split_start(span_trim(buf_span(&out)));
    struct span line = SPAN_NONE, first = SPAN_NONE;
    unsigned count = 0;
    while (span_split_next(&split, '\n', &line))
        if (count++ == 0)
            first = line;
    json_t *who = json_loadb((const char *)first.p, first.n, 0, NULL);
    bool good = status == 0 && count == 1 && strcmp(demo_text(who, "email"), d->people[0].email) == 0;
    (void)demo_say(detail, good, "%u of %d: %s, because of %s", count, DEMO_PEOPLE, demo_text(who, "name"),
                   demo_text(who, "because"));
    json_decref(who);
    return good;
}

bool demo_step_up(struct demo *d, char *detail) {
    long status = 0;
    json_t *json = NULL;
    char tomorrow[32];
    struct tm tm;
    time_t then = time(NULL) + 24 * 60 * 60;
    if (!gmtime_r(&then, &tm) || !strftime(tomorrow, sizeof tomorrow, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return false;
    json_t *body = json_pack("{s:s,s:[s],s:s}", "name", "crm", "verbs", "open", "expires_at", tomorrow);
    enum sd_err err = demo_api_call(d->agent, "POST", "/api/v1/tokens", body, &status, &json);
    bool good = err == SD_OK && status == 403 && strcmp(demo_text(json, "code"), "step-up-required") == 0;
    (void)demo_say(detail, good, "making an API token: HTTP %ld, %s for \"%s\"", status, demo_text(json, "code"),
                   demo_text(json, "act"));
    json_decref(json);
    return good;
}

/* ---- the log, seen from outside ---- */

struct auditor {
    struct buf verifier;
    char export[PATH_BYTES + 24], forged[PATH_BYTES + 24];
    struct buf key;
};

static bool begin(struct demo *d, struct auditor *a) {
    char *key[] = {d->program, "audit", "key", "-c", d->conf, NULL};
    const char *slash = strrchr(d->program, '/');
    struct span beside = span_sub(span_cstr(d->program), 0, slash ? (size_t)(slash - d->program) + 1 : 0);
    a->key = buf_new(65536);
    a->verifier = buf_new(2 * PATH_BYTES);
    buf_put(&a->verifier, beside);
    buf_text(&a->verifier, "sealdesk-verify");
    buf_byte(&a->verifier, 0);
    (void)snprintf(a->export, sizeof a->export, "%s/log.jsonl", d->dir);
    (void)snprintf(a->forged, sizeof a->forged, "%s/log-forged.jsonl", d->dir);
    char *export[] = {d->program, "audit", "export", "-c", d->conf, "--out", a->export, NULL};
    if (demo_run(key, &a->key) != 0 || a->key.n < 2)
        return false;
    a->key.p[a->key.n - 1] = 0; /* instead of the line's end */
    struct buf nothing SD_CLEANUP(buf_free) = buf_new(65536);
    return demo_run(export, &nothing) == 0;
}

static void auditor_free(struct auditor *a) {
    buf_free(&a->key);
    buf_free(&a->verifier);
}

static int check(struct auditor *a, char *file, struct buf *out) {
    char *argv[] = {(char *)a->verifier.p, "--key", (char *)a->key.p, file, NULL};
    return demo_run(argv, out);
}

bool demo_verify_export(struct demo *d, char *detail) {
    struct auditor a = {0};
    struct buf out SD_CLEANUP(buf_free) = buf_new(65536);
    bool good = begin(d, &a) && check(&a, a.export, &out) == 0;
    struct span said = span_trim(buf_span(&out));
    (void)demo_say(detail, good, "sealdesk-verify: %.*s", SPAN_FMT(span_sub(said, 0, span_find(said, '\n'))));
    auditor_free(&a);
    return good;
}

/* One word of one record, as somebody would who has something to hide. */
bool demo_forge_export(struct demo *d, char *detail) {
    struct auditor a = {0};
    struct buf log SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024), out SD_CLEANUP(buf_free) = buf_new(65536);
    struct span mark = SPAN("\"outcome\":\"refused\"");
    bool good = begin(d, &a) && demo_read_file(a.export, &log) == SD_OK;
    size_t at = span_search(buf_span(&log), mark);
    good = good && at < log.n;
    if (good)
        memcpy(log.p + at, "\"outcome\":\"granted\"", mark.n);
    good = good && demo_write_file(a.forged, buf_span(&log)) == SD_OK && check(&a, a.forged, &out) == 1;
    struct span said = span_trim(buf_span(&out));
    (void)demo_say(detail, good, "one word changed in a copy: %.*s", SPAN_FMT(span_sub(said, 0, span_find(said, '\n'))));
    auditor_free(&a);
    return good;
}
