/* sealdesk session list|end: who is signed in, and out with them. */
#include "sealdesk/access_cli.h"

#include "core/codec.h"

#include <string.h>

static int session_list(struct access_door *door, const struct access_options *o) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(16);
    enum sd_err err = SD_OK;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_session_list_rep rep = {0};
        struct keeper_session_list_req req = {.person = span_cstr(o->person ? o->person : "*"), .after = buf_span(&after)};
        err = keeper_session_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.sessions, o->common.json, print_session);
        buf_reset(&after);
        buf_put(&after, err ? SPAN_NONE : rep.next);
    } while (after.n);
    return report_done("session list", err, SPAN_NONE);
}

static int session_end(struct access_door *door, const struct access_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    uint8_t id[16];
    struct keeper_session_end_req req = {.person = span_cstr(o->person)};
    struct keeper_session_end_rep rep = {0};
    if (o->word_count && hex_to_bytes(span_cstr(o->words[0]), id, sizeof id) != SD_OK) {
        (void)fprintf(stderr, "sealdesk: \"%s\" is no session: 32 hexadecimal digits, as in the list\n", o->words[0]);
        return EXIT_USAGE;
    }
    if (o->word_count)
        req.session = span_of(id, sizeof id);
    enum sd_err err = keeper_session_end_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    int status = report_done("session end", err, SPAN_NONE);
    if (status == EXIT_YES && o->common.json)
        (void)printf("{\"ended\":%u}\n", rep.ended);
    else if (status == EXIT_YES)
        (void)printf("sessions ended: %u\n", rep.ended);
    return status == EXIT_YES && rep.ended == 0 ? EXIT_NO : status;
}

int cmd_session(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, end = strcmp(word, "end") == 0;
    if ((!list && !end) || !access_parse(argc, argv, true, &o))
        return usage_of("session");
    if (list ? o.word_count != 0 : o.word_count != (o.person ? 0 : 1)) /* one session, or all of one person */
        return usage_of("session");
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? session_list(&door, &o) : session_end(&door, &o);
    access_close(&door);
    return status;
}
