#include "desk/pixel_pdf.h"

#define OBJECTS_BEFORE 2   /* the catalog and the tree of pages */
#define OBJECTS_PER_PAGE 3 /* the page, what is drawn on it, the picture */
#define OBJECTS_MAX (OBJECTS_BEFORE + OBJECTS_PER_PAGE * PIXEL_PDF_PAGES_MAX)
#define PNG_SIDE_MAX 65535

/* ---- PNG (W3C PNG §5) ---- */

struct picture {
    uint32_t width, height;
    struct span pixels; /* filtered by rows, then zlib */
};

static uint32_t read_u32_big(struct reader *r) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | read_u8(r);
    return v;
}

/* length, type, data; the checksum is passed over: what was sealed has been authenticated. */
static struct span read_chunk(struct reader *r, struct span *ret_type) {
    uint32_t n = read_u32_big(r);
    *ret_type = read_bytes(r, 4);
    struct span data = read_bytes(r, n);
    (void)read_u32_big(r);
    return data;
}

static void read_head(struct reader *r, struct picture *picture) {
    struct span type, data = read_chunk(r, &type);
    struct reader head = reader_of(data);
    picture->width = read_u32_big(&head);
    picture->height = read_u32_big(&head);
    bool fits = picture->width && picture->height && picture->width <= PNG_SIDE_MAX && picture->height <= PNG_SIDE_MAX;
    bool is_rgb = span_eq(head.rest, SPAN("\x08\x02\x00\x00\x00"));
    if (!span_eq(type, SPAN("IHDR")) || head.err || !fits || !is_rgb)
        reader_fail(r, SD_ERR_PARSE);
}

static enum sd_err read_png(struct span png, struct picture *ret) {
    struct reader r = reader_of(png);
    struct span type;
    if (!span_eq(read_bytes(&r, 8), SPAN("\x89PNG\r\n\x1a\n")))
        reader_fail(&r, SD_ERR_PARSE);
    read_head(&r, ret);
    ret->pixels = read_chunk(&r, &type);
    if (!span_eq(type, SPAN("IDAT")))
        reader_fail(&r, SD_ERR_PARSE);
    (void)read_chunk(&r, &type);
    if (!span_eq(type, SPAN("IEND")))
        reader_fail(&r, SD_ERR_PARSE);
    return reader_end(&r);
}

/* ---- PDF (ISO 32000-1 §7.5) ---- */

struct writer {
    struct buf *to;
    size_t begin; /* of the file in the buffer */
    size_t offsets[OBJECTS_MAX];
    unsigned objects;
};

static void begin_object(struct writer *w) {
    w->offsets[w->objects++] = w->to->n - w->begin;
    buf_printf(w->to, "%u 0 obj\n", w->objects);
}

static void put_stream(struct writer *w, struct span data) {
    buf_text(w->to, "stream\n");
    buf_put(w->to, data);
    buf_text(w->to, "\nendstream\nendobj\n");
}

static void put_tree(struct writer *w, unsigned pages) {
    begin_object(w);
    buf_text(w->to, "<< /Type /Catalog /Pages 2 0 R >>\nendobj\n");
    begin_object(w);
    buf_text(w->to, "<< /Type /Pages /Kids [");
    for (unsigned i = 0; i < pages; i++)
        buf_printf(w->to, "%u 0 R\n", OBJECTS_BEFORE + 1 + OBJECTS_PER_PAGE * i);
    buf_printf(w->to, "] /Count %u >>\nendobj\n", pages);
}

static void put_picture(struct writer *w, const struct picture *picture) {
    begin_object(w);
    buf_printf(w->to,
               "<< /Type /XObject /Subtype /Image /Width %u /Height %u /ColorSpace /DeviceRGB /BitsPerComponent 8"
               " /Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors 3 /BitsPerComponent 8 /Columns %u >>"
               " /Length %zu >>\n",
               picture->width, picture->height, picture->width, picture->pixels.n);
    put_stream(w, picture->pixels);
}

static uint32_t points(uint32_t side, const struct picture *picture) {
    uint32_t longer = picture->width > picture->height ? picture->width : picture->height;
    uint32_t scaled = side * PIXEL_PDF_SIDE_POINTS / longer;
    return scaled ? scaled : 1;
}

static void put_page(struct writer *w, const struct picture *picture) {
    uint32_t width = points(picture->width, picture), height = points(picture->height, picture);
    struct buf drawn SD_CLEANUP(buf_free) = buf_new(128);
    buf_printf(&drawn, "%u 0 0 %u 0 0 cm /P Do", width, height);
    begin_object(w);
    buf_printf(w->to,
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %u %u] /Contents %u 0 R"
               " /Resources << /XObject << /P %u 0 R >> >> >>\nendobj\n",
               width, height, w->objects + 1, w->objects + 2);
    begin_object(w);
    buf_printf(w->to, "<< /Length %zu >>\n", drawn.n);
    put_stream(w, buf_span(&drawn));
    put_picture(w, picture);
}

static void put_end(struct writer *w) {
    size_t table = w->to->n - w->begin;
    buf_printf(w->to, "xref\n0 %u\n0000000000 65535 f \n", w->objects + 1);
    for (unsigned i = 0; i < w->objects; i++)
        buf_printf(w->to, "%010zu 00000 n \n", w->offsets[i]);
    buf_printf(w->to, "trailer\n<< /Size %u /Root 1 0 R >>\nstartxref\n%zu\n%%%%EOF\n", w->objects + 1, table);
}

static enum sd_err count_pages(struct span pages, unsigned *ret) {
    struct reader r = reader_of(pages);
    unsigned count = 0;
    while (r.rest.n && !r.err) {
        (void)read_blob(&r, pages.n);
        if (++count > PIXEL_PDF_PAGES_MAX)
            return SD_ERR_LIMIT;
    }
    *ret = count;
    return reader_end(&r);
}

enum sd_err pixel_pdf(struct span pages, struct buf *to) {
    struct writer w = {.to = to, .begin = to->n};
    struct reader r = reader_of(pages);
    unsigned count = 0;
    enum sd_err err = count_pages(pages, &count);
    if (err)
        return err;
    buf_text(to, "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"); /* four bytes that say: this is not text (§7.5.2) */
    put_tree(&w, count);
    for (unsigned i = 0; i < count && err == SD_OK; i++) {
        struct picture picture;
        err = read_png(read_blob(&r, pages.n), &picture);
        if (err == SD_OK)
            put_page(&w, &picture);
    }
    if (err)
        return err;
    put_end(&w);
    return buf_err(to);
}
