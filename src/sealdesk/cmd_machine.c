/* sealdesk token list|revoke; sealdesk warrant list|issue|revoke; sealdesk alarm list: what acts without a person, and what
 * went wrong. */
#include "sealdesk/access_cli.h"

#include "core/codec.h"

#include <string.h>

static bool read_id(const char *text, uint8_t ret[16]) {
    if (hex_to_bytes(span_cstr(text), ret, 16) == SD_OK)
        return true;
    (void)fprintf(stderr, "sealdesk: \"%s\" is no id: 32 hexadecimal digits\n", text);
    return false;
}

/* ---- tokens ---- */

static int token_list(struct access_door *door, const struct access_options *o) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(16);
    enum sd_err err = SD_OK;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_token_list_rep rep = {0};
        struct keeper_token_list_req req = {.all = true, .after = buf_span(&after)};
        err = keeper_token_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.tokens, o->common.json, print_token);
        buf_reset(&after);
        buf_put(&after, err ? SPAN_NONE : rep.next);
    } while (after.n);
    return report_done("token list", err, SPAN_NONE);
}

static int token_revoke(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    uint8_t id[16];
    struct keeper_token_revoke_rep rep;
    if (!read_id(o->words[0], id))
        return EXIT_USAGE;
    struct keeper_token_revoke_req req = {.id = span_of(id, sizeof id)};
    enum sd_err err = keeper_token_revoke_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    return report_done("token revoke", err, SPAN_NONE);
}

int cmd_token(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, revoke = strcmp(word, "revoke") == 0;
    if ((!list && !revoke) || !access_parse(argc, argv, true, &o) || o.word_count != (list ? 0 : 1))
        return usage_of("token");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? token_list(&door, &o) : token_revoke(&door, &o);
    access_close(&door);
    return status;
}

/* ---- warrants ---- */

static int warrant_list(struct access_door *door, const struct access_options *o) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(16);
    enum sd_err err = SD_OK;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_warrant_list_rep rep = {0};
        struct keeper_warrant_list_req req = {.live = o->live, .after = buf_span(&after)};
        err = keeper_warrant_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.warrants, o->common.json, print_warrant);
        buf_reset(&after);
        buf_put(&after, err ? SPAN_NONE : rep.next);
    } while (after.n);
    return report_done("warrant list", err, SPAN_NONE);
}

static int warrant_issue(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64);
    struct about about;
    struct keeper_warrant_issue_rep rep = {0};
    uint64_t uses = 1;
    int64_t until_ms = 0;
    bool good = o->purpose && o->until && (!o->uses || span_to_u64(span_cstr(o->uses), &uses) == SD_OK);
    if (!good || !read_time(o->until, &until_ms) || !read_about(door, o, 0, &about))
        return usage_of("warrant");
    struct keeper_warrant_issue_req req = {.purpose = span_cstr(o->purpose),
                                           .ticket = about_ticket(&about),
                                           .queue = about.has_ticket ? SPAN_NONE : span_cstr(about.queue),
                                           .uses = uses > UINT32_MAX ? 0 : (uint32_t)uses,
                                           .expires_ms = until_ms};
    enum sd_err err = keeper_warrant_issue_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK && rep.problem.n == 0) {
        put_hex(&hex, rep.warrant);
        (void)printf(o->common.json ? "{\"warrant\":\"%.*s\"}\n" : "%.*s\n", SPAN_FMT(buf_span(&hex)));
    }
    return report_done("warrant issue", err, rep.problem);
}

static int warrant_revoke(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    uint8_t id[16];
    struct keeper_warrant_revoke_rep rep;
    if (!read_id(o->words[0], id))
        return EXIT_USAGE;
    struct keeper_warrant_revoke_req req = {.warrant = span_of(id, sizeof id)};
    enum sd_err err = keeper_warrant_revoke_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    return report_done("warrant revoke", err, SPAN_NONE);
}

int cmd_warrant(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, issue = strcmp(word, "issue") == 0, revoke = strcmp(word, "revoke") == 0;
    if ((!list && !issue && !revoke) || !access_parse(argc, argv, true, &o) || (revoke && o.word_count != 1))
        return usage_of("warrant");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? warrant_list(&door, &o) : issue ? warrant_issue(&door, &o) : warrant_revoke(&door, &o);
    access_close(&door);
    return status;
}

/* ---- alarms ---- */

int cmd_alarm(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    uint64_t before = 0;
    enum sd_err err = SD_OK;
    if (argc < 2 || strcmp(argv[1], "list") != 0 || !access_parse(argc, argv, true, &o) || o.word_count)
        return usage_of("alarm");
    int status = access_open(&o, &door);
    if (status)
        return status;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_alarm_list_rep rep = {0};
        err = keeper_alarm_list_call(door.door.keeper, &(struct keeper_alarm_list_req){.before = before},
                                     deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.alarms, o.common.json, print_alarm);
        before = err ? 0 : rep.next;
    } while (before);
    access_close(&door);
    return report_done("alarm list", err, SPAN_NONE);
}
