#include "render/answer.h"

#include "core/ipc/cards.h"
#include "core/log.h"

#include <stdio.h>
#include <unistd.h>

#define CARD_BYTES_MAX ((size_t)125 * 1024 * 1024)

#define IPC_DEF "core/ipc/render.def"
#define IPC_TABLE render_ops
#include "core/ipc/gen_dispatch.h"

/* What the reader should know; numbers are our own or bounded by the parser. */
static void put_note(const struct shown *shown, bool cut, char *to, size_t n) {
    uint32_t count = shown->album.count;
    to[0] = 0;
    if (shown->full)
        (void)snprintf(to, n, "Further pages take too much room: %u are shown.", count);
    else if (!shown->complete)
        (void)snprintf(to, n, "It could not be shown to its end.");
    else if (cut && shown->end.total)
        (void)snprintf(to, n, "%u of %u pages are shown.", count, shown->end.total);
    else if (cut)
        (void)snprintf(to, n, "There are more pages than the %u that are shown.", count);
}

static enum sd_err put_card(const struct shown *shown, struct ipc_out *card) {
    char note[128];
    uint32_t count = shown->album.count;
    bool cut = !shown->complete || shown->end.more || shown->end.total > count;
    put_note(shown, cut, note, sizeof note);
    struct cards_preview_v1 preview = {
        .count = count, .total = shown->end.total, .cut = cut, .note = span_cstr(note), .pages = buf_span(&shown->album.pages)};
    return cards_preview_v1_encode(card, &preview);
}

static enum sd_err answer_shown(struct ipc_call *call, const struct shown *shown) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(CARD_BYTES_MAX);
    struct render_pages_rep rep = {.outcome = shown->outcome, .reason = span_cstr(shown->reason)};
    if (shown->outcome == RENDER_DONE) {
        enum sd_err err = put_card(shown, &card);
        if (err)
            return err;
        rep.preview = buf_span(&card.body);
    }
    render_pages_reply(call, &rep);
    return SD_OK;
}

/* A log line has no name and no content, only how it went. */
static void note(const struct shown *shown, size_t bytes, int64_t since_ns) {
    log_info("render.pages", "bytes=%zu outcome=%u pages=%u ms=%lld", bytes, shown->outcome, shown->album.count,
             (long long)((clock_mono_ns() - since_ns) / 1000000));
}

enum sd_err render_on_pages(void *ctx, struct ipc_call *call, const struct render_pages_req *req) {
    struct shown shown;
    int64_t since_ns = clock_mono_ns();
    enum sd_err err = renderer_show(ctx, req->content, req->name, &shown);
    if (err == SD_ERR_UNAVAILABLE) {
        log_error("render.launcher", "is gone");
        _exit(1); /* the supervisor starts both anew */
    }
    if (err == SD_OK) {
        note(&shown, req->content.n, since_ns);
        err = answer_shown(call, &shown);
    }
    album_free(&shown.album);
    return err;
}

enum sd_err render_on_abilities(void *ctx, struct ipc_call *call, SD_UNUSED const struct render_abilities_req *req) {
    const struct renderer *renderer = ctx;
    render_abilities_reply(call, &(struct render_abilities_rep){.documents = renderer->documents && renderer->sandbox,
                                                                .pdf = renderer->pdf && renderer->sandbox,
                                                                .pictures = renderer->pictures && renderer->sandbox,
                                                                .sandbox = renderer->sandbox});
    return SD_OK;
}

enum sd_err answer_one(struct renderer *renderer, struct ipc_conn *conn, struct deadline deadline) {
    return ipc_serve_one(conn, render_ops, SD_COUNT(render_ops), 1, renderer, deadline);
}
