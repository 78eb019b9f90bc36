/* sealdesk incident list|close: what turned out to be malicious after it was let in. */
#include "sealdesk/access_cli.h"

#include <string.h>

static int incident_list(struct access_door *door, const struct access_options *o) {
    uint64_t before = 0, count = 0;
    enum sd_err err = SD_OK;
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_incident_list_rep rep = {0};
        struct keeper_incident_list_req req = {.before = before};
        err = keeper_incident_list_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err == SD_OK)
            print_lines(rep.incidents, o->common.json, print_incident);
        count += rep.incidents.count;
        before = err ? 0 : rep.next;
    } while (before);
    if (err == SD_OK && count == 0 && !o->common.json)
        (void)printf("none\n");
    return report_done("incident list", err, SPAN_NONE);
}

static int incident_close(struct access_door *door, const struct access_options *o, uint64_t number) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_incident_close_rep rep;
    struct keeper_incident_close_req req = {.incident = number, .note = span_cstr(o->note)};
    enum sd_err err = keeper_incident_close_call(door->door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err != SD_ERR_NOTFOUND)
        return report_done("incident close", err, SPAN_NONE);
    (void)fprintf(stderr, "sealdesk incident close: there is no open incident %llu\n", (unsigned long long)number);
    return EXIT_NO;
}

int cmd_incident(int argc, char **argv) {
    struct access_options o = {0};
    struct access_door door;
    uint64_t number = 0;
    const char *word = argc >= 2 ? argv[1] : "";
    bool list = strcmp(word, "list") == 0, close = strcmp(word, "close") == 0;
    if ((!list && !close) || !access_parse(argc, argv, true, &o) || o.word_count != (list ? 0 : 1))
        return usage_of("incident");
    if (close && (span_to_u64(span_cstr(o.words[0]), &number) != SD_OK || !o.note || !*o.note)) {
        (void)fprintf(stderr, "sealdesk incident close: name its number, and say what was done about it: --note TEXT\n");
        return usage_of("incident");
    }
    int status = access_open(&o, &door);
    if (status)
        return status;
    status = list ? incident_list(&door, &o) : incident_close(&door, &o, number);
    access_close(&door);
    return status;
}
