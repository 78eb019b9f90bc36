/* user_change.c - sealdesk user suspend|resume|remove|role|name|queues|roles|invite|reset ADDRESS … */
#include "sealdesk/user_cli.h"

#include "core/codec.h"
#include "core/json_out.h"

#include <string.h>

int user_report(const char *word, enum sd_err err, struct span problem) {
    if (err || problem.n)
        (void)fprintf(stderr, "sealdesk user %s: %.*s\n", word, SPAN_FMT(err ? span_cstr(sd_err_text(err)) : problem));
    return err ? exit_status_of(err) : problem.n ? EXIT_NO : EXIT_YES;
}

/* Behind a #, so that it reaches no server's log and no program that follows links can use it. */
static void put_link(struct buf *to, const struct settings *settings, struct span link) {
    buf_text(to, settings_text(settings, "desk.origin"));
    buf_text(to, "/#/enrol/");
    put_base64url(to, link);
}

void print_link(const struct settings *settings, const struct user_link *link, bool json) {
    struct buf url SD_CLEANUP(buf_free) = buf_new(1024), until SD_CLEANUP(buf_free) = buf_new(64);
    struct buf out SD_CLEANUP(buf_free) = buf_new(4096);
    struct json_out j = json_out(&out);
    put_link(&url, settings, link->link);
    put_rfc3339(&until, link->expires_ms);
    if (!json) {
        (void)printf("link:  %.*s\ncode:  %.*s\nuntil: %.*s\n", SPAN_FMT(buf_span(&url)), SPAN_FMT(link->code),
                     SPAN_FMT(buf_span(&until)));
        return;
    }
    json_begin_object(&j, NULL);
    if (link->person.n)
        json_text(&j, "id", link->person);
    json_text(&j, "link", buf_span(&url));
    json_text(&j, "code", link->code);
    json_time(&j, "expires_at", link->expires_ms);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

struct change {
    const char *word;
    uint8_t what; /* PERSON_*; 0: reset */
    bool value;   /* one more word, */
    bool list;    /* or any number of them */
};

static const struct change changes[] = {
    {"suspend", PERSON_SUSPEND, false, false}, {"resume", PERSON_RESUME, false, false}, {"remove", PERSON_REMOVE, false, false},
    {"role", PERSON_ROLE, true, false},        {"name", PERSON_NAME, true, false},      {"queues", PERSON_QUEUES, false, true},
    {"roles", PERSON_ROLES, false, true},      {"invite", PERSON_INVITE, false, false}, {"reset", 0, false, false},
};

static const struct change *find_change(const char *word, const struct user_options *o) {
    for (size_t i = 0; i < SD_COUNT(changes); i++) {
        const struct change *change = &changes[i];
        if (strcmp(change->word, word) == 0)
            return o->word_count == (change->value ? 2 : 1) || (change->list && o->word_count > 1) ? change : NULL;
    }
    return NULL;
}

static int do_change(struct door *door, const struct settings *settings, const struct change *change, struct user_options *o) {
    struct keeper_person_change_req req = {
        .person = span_cstr(o->words[0]), .what = change->what, .reason = span_cstr(o->reason)};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_change_rep rep = {0};
    if (change->value)
        req.value = span_cstr(o->words[1]);
    for (int i = 1; change->list && i < o->word_count; i++)
        ipc_list_add(&o->queues, &o->queue_bytes, span_cstr(o->words[i]));
    req.queues = o->queues;
    enum sd_err err = keeper_person_change_call(door->keeper, &req, deadline_in_ms(USER_ASK_MS), &msg, &rep);
    int status = user_report(change->word, err, rep.problem);
    struct user_link link = {SPAN_NONE, rep.link, rep.code, rep.expires_ms};
    if (status == EXIT_YES && rep.link.n)
        print_link(settings, &link, o->common.json);
    return status;
}

static int do_reset(struct door *door, const struct settings *settings, struct user_options *o) {
    struct keeper_factors_reset_req req = {.person = span_cstr(o->words[0]), .reason = span_cstr(o->reason)};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_factors_reset_rep rep = {0};
    enum sd_err err = keeper_factors_reset_call(door->keeper, &req, deadline_in_ms(USER_ASK_MS), &msg, &rep);
    int status = user_report("reset", err, rep.problem);
    struct user_link link = {SPAN_NONE, rep.link, rep.code, rep.expires_ms};
    if (status == EXIT_YES)
        print_link(settings, &link, o->common.json);
    return status;
}

int user_change(const char *word, struct user_options *o) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    const struct change *change = find_change(word, o);
    if (!change)
        return user_usage();
    int status = load_quiet(&o->common, &settings);
    if (status)
        return status;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    status = change->what ? do_change(&door, settings, change, o) : do_reset(&door, settings, o);
    door_close(&door);
    return status;
}
