/* sealdesk who-can ACT …; sealdesk why PERSON ACT …: the rules explain themselves. */
#include "sealdesk/access_cli.h"

#include "core/json_out.h"

#include <string.h>

/* ---- who-can ---- */

static enum sd_err print_all(struct ipc_client *keeper, enum verb verb, const struct about *about, bool json,
                             unsigned *ret_count) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(LIMIT_ADDRESS_BYTES);
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_who_can_rep rep;
        struct keeper_who_can_req req = {.verb = (uint8_t)verb,
                                         .ticket = about_ticket(about),
                                         .queue = span_cstr(about->queue),
                                         .category = about->category,
                                         .after = buf_span(&after)};
        enum sd_err err = keeper_who_can_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err)
            return err;
        *ret_count += rep.people.count;
        print_lines(rep.people, json, print_who);
        buf_reset(&after);
        buf_put(&after, rep.next);
    } while (after.n && buf_err(&after) == SD_OK);
    return buf_err(&after);
}

int cmd_who_can(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    struct about about;
    enum verb verb;
    unsigned count = 0;
    if (!access_parse(argc, argv, false, &o) || o.word_count < 1)
        return usage_of(argv[0]);
    if (!read_verb(o.words[0], &verb))
        return EXIT_USAGE;
    int status = access_open(&o, &door);
    if (status)
        return status;
    if (!read_about(&door, &o, 1, &about)) {
        access_close(&door);
        return EXIT_NO;
    }
    enum sd_err err = print_all(door.door.keeper, verb, &about, o.common.json, &count);
    access_close(&door);
    if (err == SD_OK && count == 0 && !o.common.json)
        (void)printf("nobody\n");
    status = report_done("who-can", err, SPAN_NONE);
    return status ? status : count ? EXIT_YES : EXIT_NO;
}

/* ---- why ---- */

static void print_why(const struct keeper_explain_rep *rep, enum verb verb, bool json) {
    struct ipc_list_iter iter = ipc_list_start(rep->lines);
    struct span line;
    if (!json) {
        (void)printf("%.*s %s %s.\n", SPAN_FMT(rep->name), rep->may ? "may" : "may NOT", verb_text(verb));
        while (ipc_list_next(&iter, &line))
            (void)printf("  %.*s\n", SPAN_FMT(line));
        return;
    }
    struct buf out SD_CLEANUP(buf_free) = buf_new((size_t)128 * 1024);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    json_bool(&j, "may", rep->may);
    json_text(&j, "person", rep->person);
    json_text(&j, "name", rep->name);
    json_cstr(&j, "act", verb_text(verb));
    json_begin_array(&j, "because");
    while (ipc_list_next(&iter, &line))
        json_text(&j, NULL, line);
    json_end(&j);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static int explain(const struct access_door *door, const struct access_options *o, enum verb verb, const struct about *about) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_explain_rep rep;
    struct keeper_explain_req req = {.person = span_cstr(o->words[0]),
                                     .verb = (uint8_t)verb,
                                     .ticket = about_ticket(about),
                                     .queue = span_cstr(about->queue),
                                     .category = about->category};
    enum sd_err err = keeper_explain_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_ERR_NOTFOUND) {
        (void)fprintf(stderr, "sealdesk why: \"%s\" names nobody, or more than one; give the address\n", o->words[0]);
        return EXIT_NO;
    }
    if (err)
        return report_done("why", err, SPAN_NONE);
    print_why(&rep, verb, o->common.json);
    return rep.may ? EXIT_YES : EXIT_NO;
}

int cmd_why(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    struct about about;
    enum verb verb;
    if (!access_parse(argc, argv, false, &o) || o.word_count < 2)
        return usage_of(argv[0]);
    if (!read_verb(o.words[1], &verb))
        return EXIT_USAGE;
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = read_about(&door, &o, 2, &about) ? explain(&door, &o, verb, &about) : EXIT_NO;
    access_close(&door);
    return status;
}
