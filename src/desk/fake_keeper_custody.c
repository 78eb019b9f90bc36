/* The tests' keeper on what was found and who lets it out: it says what the test wants said. */
#include "desk/fake_keeper.h"
#include "desk/fixture_test.h"

#include <string.h>

static struct ipc_list list_of(const char *const *items, size_t max, struct buf *raw) {
    struct ipc_list list = {0};
    for (size_t i = 0; i < max && items[i]; i++)
        ipc_list_add(&list, raw, span_cstr(items[i]));
    return list;
}

static void note(struct span object, struct span text) {
    fake.object_bytes = object.n;
    if (object.n)
        memcpy(fake.object, object.p, object.n);
    if (text.n)
        memcpy(fake.text, text.p, text.n);
    fake.text[text.n] = 0;
}

enum sd_err keeper_on_custody(SD_UNUSED void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_custody_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(16384);
    struct keeper_custody_rep rep = {.items = list_of(fake.custody, SD_COUNT(fake.custody), &raw)};
    fake.custodies++;
    if (fake.custody_status || !fake.custody[0])
        return fake.custody_status ? fake.custody_status : SD_ERR_NOTFOUND;
    keeper_custody_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_preview_wanted(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_preview_wanted_req *req) {
    uint8_t warrant[16];
    memset(warrant, 0xc1, sizeof warrant);
    fake.previews++;
    note(req->object, SPAN(""));
    if (fake.status)
        return fake.status;
    keeper_preview_wanted_reply(call, &(struct keeper_preview_wanted_rep){.warrant = span_of(warrant, sizeof warrant)});
    return SD_OK;
}

enum sd_err keeper_on_release(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_release_req *req) {
    uint8_t ticket[16];
    memset(ticket, 0x01, sizeof ticket);
    note(req->object, req->reason);
    if (fake.status)
        return fake.status;
    keeper_release_reply(call, &(struct keeper_release_rep){.problem = span_cstr(fake.problem),
                                                            .ticket = span_of(ticket, sizeof ticket),
                                                            .ticket_state = (uint8_t)fake.ticket_state});
    return SD_OK;
}

enum sd_err keeper_on_quarantine_list(SD_UNUSED void *ctx, struct ipc_call *call,
                                      SD_UNUSED const struct keeper_quarantine_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(16384);
    struct keeper_quarantine_list_rep rep = {.items = list_of(fake.held, SD_COUNT(fake.held), &raw),
                                             .next = req->before ? 0 : 9};
    if (fake.status)
        return fake.status;
    keeper_quarantine_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_incident_list(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_incident_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(16384);
    struct keeper_incident_list_rep rep = {.incidents = list_of(fake.incidents, SD_COUNT(fake.incidents), &raw),
                                           .next = req->before ? 0 : 9};
    if (fake.status)
        return fake.status;
    keeper_incident_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_incident_close(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_incident_close_req *req) {
    note(SPAN_NONE, req->note);
    if (req->incident != 7)
        return SD_ERR_NOTFOUND;
    keeper_incident_close_reply(call, &(struct keeper_incident_close_rep){});
    return SD_OK;
}
