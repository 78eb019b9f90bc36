/*
 * /api/v1/attachments/{id}/preview: pictures of an attachment's pages, for which nothing is opened on anybody's computer. POST
 * asks for them, GET says how far they are (with ?wait=1 as soon as that changes), …/{page} is one as PNG, …/pdf all of them as
 * PDF.
 */
#include "core/ipc/keeper.h"
#include "core/role.h"
#include "desk/attachment.h"
#include "desk/file_name.h"
#include "desk/pixel_pdf.h"
#include "desk/problem.h"
#include "store/facet.h"
#include "store/preview.h"

#include <unistd.h>

#define WAIT_MS 10000
#define LOOK_AGAIN_US (150 * 1000)

/* How far it is; zero: nobody has asked. */
struct progress {
    enum preview_state state;
    bool final;
    struct span reason;
    int64_t asked_ms;
};

static enum sd_err load_progress(struct desk *desk, struct exchange *x, const struct object_id *id, struct progress *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct preview_row row = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = preview_get(lease.store, id, x->arena, &row);
    if (err && err != SD_ERR_NOTFOUND)
        return err;
    *ret = (struct progress){row.state, row.final, row.reason, row.asked_ms};
    return SD_OK;
}

/* ---- the pictures ---- */

struct pictures {
    struct buf plain;
    struct cards_preview_v1 card;
};

static void pictures_free(struct pictures *pictures) {
    buf_free(&pictures->plain);
}

static enum sd_err read_pictures(struct desk *desk, struct exchange *x, const struct object_id *id, struct span key,
                                 struct pictures *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_facet(lease.store, id, FACET_PREVIEW, key, PREVIEW_PLAIN_MAX, &ret->plain);
    return err ? err : cards_preview_v1_decode(buf_span(&ret->plain), NULL, &ret->card);
}

/* Where there are none there is nothing to ask the keeper for. */
static enum sd_err pictures_there(struct desk *desk, struct exchange *x, const struct object_id *id) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    bool there = false;
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = facet_exists(lease.store, id, FACET_PREVIEW, &there);
    return err ? err : there ? SD_OK : SD_ERR_NOTFOUND;
}

/* ---- how far ---- */

static const char *state_text(enum preview_state state) {
    switch (state) {
    case PREVIEW_WANTED:
        return "wanted";
    case PREVIEW_DONE:
        return "done";
    case PREVIEW_FAILED:
        return "failed";
    default:
        return "none";
    }
}

static void put_number_or_null(struct json_out *j, const char *key, int64_t number) {
    if (number)
        json_int(j, key, number);
    else
        json_put_null(j, key);
}

static void respond_progress(struct exchange *x, const struct progress *progress, const struct cards_preview_v1 *card) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_cstr(&j, "state", state_text(progress->state));
    json_int(&j, "pages", card->count);
    put_number_or_null(&j, "total", card->total);
    json_bool(&j, "cut", card->cut);
    json_text(&j, "note", card->note);
    json_text(&j, "reason", progress->reason);
    json_bool(&j, "final", progress->final);
    json_end(&j);
}

static enum sd_err respond_done(struct desk *desk, struct exchange *x, const struct object_id *id,
                                const struct progress *progress) {
    struct pictures pictures SD_CLEANUP(pictures_free) = {.plain = buf_new(PREVIEW_PLAIN_MAX)};
    struct span key;
    enum sd_err err = viewing_key(desk, x, id, &key);
    if (err == SD_OK)
        err = place_take(&desk->previews, x->deadline);
    if (err)
        return err;
    err = read_pictures(desk, x, id, key, &pictures);
    if (err == SD_OK)
        respond_progress(x, progress, &pictures.card);
    pictures_free(&pictures);
    (void)sem_post(&desk->previews);
    return err;
}

/* What may not be shown says so, whether it was asked for or not. Done: the keeper says it when it is asked for the key. */
static enum sd_err respond_state(struct desk *desk, struct exchange *x, const struct attachment_row *row,
                                 const struct progress *progress) {
    struct custody custody;
    enum sd_err err = SD_ERR_UNSUPPORTED;
    if (progress->state == PREVIEW_DONE) {
        err = respond_done(desk, x, &row->object, progress);
    } else {
        enum sd_err asked = custody_ask(desk, x, &row->message, &custody);
        if (asked)
            return asked;
        if (custody_of(&custody, &row->object).previewable) {
            respond_progress(x, progress, &(struct cards_preview_v1){0});
            return SD_OK;
        }
    }
    return err == SD_ERR_UNSUPPORTED ? respond_unfit(desk, x, &row->message, &row->object, WANTED_PREVIEW) : err;
}

static bool waits(const struct exchange *x) {
    struct span wait = SPAN_NONE;
    return http_param(x->request, "wait", &wait) && span_eq(wait, SPAN("1"));
}

enum sd_err api_preview_state(struct desk *desk, struct exchange *x) {
    struct attachment_row row;
    struct progress progress = {0};
    struct deadline until = deadline_in_ms(waits(x) ? WAIT_MS : 0);
    enum sd_err err = attachment_find(desk, x, &row);
    if (err == SD_OK)
        err = load_progress(desk, x, &row.object, &progress);
    while (err == SD_OK && progress.state == PREVIEW_WANTED && !deadline_passed(until)) {
        (void)usleep(LOOK_AGAIN_US);
        err = load_progress(desk, x, &row.object, &progress);
    }
    return err ? err : respond_state(desk, x, &row, &progress);
}

/* ---- asking ---- */

static enum sd_err want(struct desk *desk, struct exchange *x, const struct object_id *id, const struct warrant_id *warrant) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = store_begin(lease.store, x->deadline);
    if (err == SD_OK)
        err = preview_want(lease.store, id, warrant, clock_unix_ms());
    if (err == SD_OK)
        err = store_commit(lease.store);
    if (err == SD_OK && desk->preview_bell >= 0)
        bell_ring(desk->preview_bell);
    return err;
}

static enum sd_err ask_keeper(struct desk *desk, struct exchange *x, const struct object_id *id, struct warrant_id *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_preview_wanted_req req = {
        .token = x->session.token, .origin = x->request->client, .object = object_id_span(id)};
    struct keeper_preview_wanted_rep rep;
    intend(x, VERB_OPEN, req.object);
    enum sd_err err = keeper_preview_wanted_call(desk->keeper, &req, x->deadline, &msg, &rep);
    return err ? err : warrant_id_from(rep.warrant, ret);
}

/* One warrant, one rendering: what is there, on its way, or will never be is not asked for again. */
static bool is_settled(const struct progress *progress) {
    bool fresh = clock_unix_ms() - progress->asked_ms < PREVIEW_STALE_MS;
    return progress->state == PREVIEW_DONE || progress->final || (progress->state == PREVIEW_WANTED && fresh);
}

enum sd_err api_preview_want(struct desk *desk, struct exchange *x) {
    struct attachment_row row;
    struct progress progress = {0};
    struct warrant_id warrant;
    enum sd_err err = attachment_find(desk, x, &row);
    if (err == SD_OK)
        err = load_progress(desk, x, &row.object, &progress);
    if (err == SD_OK && is_settled(&progress))
        return respond_state(desk, x, &row, &progress);
    if (err == SD_OK)
        err = ask_keeper(desk, x, &row.object, &warrant);
    if (err == SD_ERR_UNSUPPORTED)
        return respond_unfit(desk, x, &row.message, &row.object, WANTED_PREVIEW);
    if (err == SD_OK)
        err = want(desk, x, &row.object, &warrant);
    if (err == SD_OK)
        err = load_progress(desk, x, &row.object, &progress);
    if (err)
        return err;
    respond_progress(x, &progress, &(struct cards_preview_v1){0});
    x->response.status = 202;
    return SD_OK;
}

/* ---- looking ---- */

/* Page 1 is the first. SD_ERR_NOTFOUND beyond the last. */
static enum sd_err find_page(struct span pages, uint64_t page, struct span *ret) {
    struct reader r = reader_of(pages);
    struct span png = SPAN_NONE;
    for (uint64_t i = 0; i < page; i++) {
        if (r.rest.n == 0)
            return SD_ERR_NOTFOUND;
        png = read_blob(&r, pages.n);
        if (r.err)
            return r.err;
    }
    *ret = png;
    return png.n ? SD_OK : SD_ERR_NOTFOUND;
}

typedef enum sd_err picture_writer(struct exchange *x, const struct cards_preview_v1 *card);

static enum sd_err write_page(struct exchange *x, const struct cards_preview_v1 *card) {
    uint64_t page = 0;
    struct span png = SPAN_NONE;
    enum sd_err err = span_to_u64(x->page, &page);
    err = err ? SD_ERR_NOTFOUND : find_page(card->pages, page, &png);
    if (err)
        return err;
    x->response.type = "image/png";
    buf_put(&x->response.body, png);
    return SD_OK;
}

static enum sd_err write_pdf(struct exchange *x, const struct cards_preview_v1 *card) {
    x->response.type = "application/pdf";
    return pixel_pdf(card->pages, &x->response.body);
}

/* The bytes go out from the response's own buffer; the pictures are gone by the time that the next one takes the place. */
static enum sd_err write_pictures(struct desk *desk, struct exchange *x, const struct object_id *id, picture_writer *write) {
    struct pictures pictures SD_CLEANUP(pictures_free) = {.plain = buf_new(PREVIEW_PLAIN_MAX)};
    struct span key;
    enum sd_err err = pictures_there(desk, x, id);
    if (err == SD_OK)
        err = viewing_key(desk, x, id, &key);
    if (err == SD_OK)
        err = place_take(&desk->previews, x->deadline);
    if (err)
        return err;
    err = read_pictures(desk, x, id, key, &pictures);
    x->response.status = 200;
    x->response.policy = POLICY_FILE;
    x->response.body.max = PREVIEW_PLAIN_MAX + SEALED_EXTRA * 16;
    if (err == SD_OK)
        err = write(x, &pictures.card);
    pictures_free(&pictures);
    (void)sem_post(&desk->previews);
    return err;
}

static struct span pdf_name(struct span name, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(2048);
    buf_put(&text, name.n ? name : SPAN("attachment"));
    buf_text(&text, " (pictures).pdf");
    return file_name_disposition(buf_span(&text), arena);
}

static enum sd_err respond_pdf(struct desk *desk, struct exchange *x, const struct attachment_row *row) {
    struct span name = SPAN_NONE;
    enum sd_err err = write_pictures(desk, x, &row->object, write_pdf);
    if (err == SD_OK)
        err = attachment_name(desk, x, row, &name);
    if (err == SD_OK)
        x->response.disposition = pdf_name(name, x->arena);
    return err;
}

/* {page} is a number, or the word for all of them. */
enum sd_err api_preview_page(struct desk *desk, struct exchange *x) {
    struct attachment_row row;
    enum sd_err err = attachment_find(desk, x, &row);
    if (err == SD_OK && span_eq(x->page, SPAN("pdf")))
        err = respond_pdf(desk, x, &row);
    else if (err == SD_OK)
        err = write_pictures(desk, x, &row.object, write_page);
    return err == SD_ERR_UNSUPPORTED ? respond_unfit(desk, x, &row.message, &row.object, WANTED_PREVIEW) : err;
}
