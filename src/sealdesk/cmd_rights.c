/* sealdesk role list|set|remove; sealdesk grant list|add|remove. */
#include "sealdesk/access_cli.h"

#include "core/ipc/cards.h"

#include <string.h>

static bool read_rule(const struct access_options *o, const char *fallback_queue, struct cards_rule_v1 *ret) {
    *ret = (struct cards_rule_v1){.allow = !o->deny, .queue = span_cstr(o->queue ? o->queue : fallback_queue)};
    return o->verbs && read_verbs(o->verbs, &ret->verbs) && read_categories(o->categories, &ret->categories) &&
           read_time(o->from, &ret->from_ms) && read_time(o->until, &ret->until_ms);
}

/* ---- roles ---- */

static int role_list(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_role_list_rep rep;
    enum sd_err err = keeper_role_list_call(door->door.keeper, &(struct keeper_role_list_req){}, deadline_in_ms(ASK_MS), &msg,
                                            &rep);
    if (err == SD_OK)
        print_lines(rep.roles, o->common.json, print_role);
    return report_done("role list", err, SPAN_NONE);
}

/* One rule by options; a role of several is set through the API. */
static int role_set(struct access_door *door, const struct access_options *o, bool remove) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct cards_rule_v1 rule;
    struct keeper_role_set_rep rep = {0};
    struct keeper_role_set_req req = {.name = span_cstr(o->words[0]), .remove = remove};
    enum sd_err err = SD_OK;
    if (!remove && !read_rule(o, "", &rule))
        return usage_of("role");
    if (!remove) {
        err = cards_rule_v1_encode(&card, &rule);
        ipc_list_add(&req.rules, &raw, buf_span(&card.body));
    }
    if (err == SD_OK)
        err = keeper_role_set_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    return report_done("role", err, rep.problem);
}

int cmd_role(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, set = strcmp(word, "set") == 0, remove = strcmp(word, "remove") == 0;
    if ((!list && !set && !remove) || !access_parse(argc, argv, true, &o) || o.word_count != (list ? 0 : 1))
        return usage_of("role");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? role_list(&door, &o) : role_set(&door, &o, remove);
    access_close(&door);
    return status;
}

/* ---- grants ---- */

static int grant_list(struct access_door *door, const struct access_options *o) {
    uint64_t after = 0;
    enum sd_err err = SD_OK;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_grant_list_rep rep = {0};
        struct keeper_grant_list_req req = {.person = span_cstr(o->person ? o->person : "*"), .after = after};
        err = keeper_grant_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.grants, o->common.json, print_grant);
        after = err ? 0 : rep.next;
    } while (after);
    return report_done("grant list", err, SPAN_NONE);
}

static int grant_add(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct cards_rule_v1 rule;
    struct keeper_grant_add_rep rep = {0};
    if (!o->person || !o->reason || !read_rule(o, "", &rule))
        return usage_of("grant");
    enum sd_err err = cards_rule_v1_encode(&card, &rule);
    struct keeper_grant_add_req req = {
        .person = span_cstr(o->person), .rule = buf_span(&card.body), .reason = span_cstr(o->reason)};
    if (err == SD_OK)
        err = keeper_grant_add_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK && rep.problem.n == 0)
        (void)printf(o->common.json ? "{\"grant\":%llu}\n" : "grant %llu\n", (unsigned long long)rep.grant);
    return report_done("grant add", err, rep.problem);
}

static int grant_remove(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_grant_remove_rep rep;
    struct keeper_grant_remove_req req = {0};
    if (span_to_u64(span_cstr(o->words[0]), &req.grant) != SD_OK)
        return usage_of("grant");
    enum sd_err err = keeper_grant_remove_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    return report_done("grant remove", err, SPAN_NONE);
}

int cmd_grant(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, add = strcmp(word, "add") == 0, remove = strcmp(word, "remove") == 0;
    if ((!list && !add && !remove) || !access_parse(argc, argv, true, &o) || o.word_count != (remove ? 1 : 0))
        return usage_of("grant");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? grant_list(&door, &o) : add ? grant_add(&door, &o) : grant_remove(&door, &o);
    access_close(&door);
    return status;
}
