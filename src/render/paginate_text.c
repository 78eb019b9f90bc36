#include "render/paginate.h"

#include "files/files.h"
#include "mail/mail.h"

#include <pango/pangocairo.h>
#include <stdlib.h>

#define PAPER_WIDTH 595.0 /* A4 in points */
#define PAPER_HEIGHT 842.0
#define MARGIN 50.0
#define FOOT 30.0
#define LISTING_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define LINE_BYTES_MAX 4000 /* longer lines are cut, so that one layout stays small */

struct paper {
    struct paginate *p;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *layout;
    int width, height; /* pixels */
    double y;          /* points, of the next line's top */
    bool begun, full;
};

/* ---- a page ---- */

static void begin_page(struct paper *paper) {
    cairo_set_source_rgb(paper->cairo, 1, 1, 1);
    cairo_paint(paper->cairo);
    cairo_set_source_rgb(paper->cairo, 0, 0, 0);
    paper->y = MARGIN;
    paper->begun = true;
}

static void put_number(struct paper *paper) {
    char text[16];
    (void)snprintf(text, sizeof text, "%u", paper->p->pages + 1);
    pango_layout_set_text(paper->layout, text, -1);
    cairo_move_to(paper->cairo, PAPER_WIDTH / 2, PAPER_HEIGHT - FOOT);
    pango_cairo_show_layout(paper->cairo, paper->layout);
}

/* Cairo's pixels are 32 bits, blue in the lowest byte. */
static void send_surface(struct paper *paper) {
    size_t stride = (size_t)cairo_image_surface_get_stride(paper->surface);
    cairo_surface_flush(paper->surface);
    const uint8_t *data = cairo_image_surface_get_data(paper->surface);
    uint8_t *row = malloc((size_t)paper->width * 3);
    if (!row)
        abort();
    for (int y = 0; y < paper->height; y++) {
        for (int x = 0; x < paper->width; x++) {
            uint32_t pixel;
            memcpy(&pixel, data + (size_t)y * stride + (size_t)x * 4, sizeof pixel);
            row[3 * x] = (uint8_t)(pixel >> 16);
            row[3 * x + 1] = (uint8_t)(pixel >> 8);
            row[3 * x + 2] = (uint8_t)pixel;
        }
        send_rows(row, (size_t)paper->width * 3);
    }
    free(row);
}

static void end_page(struct paper *paper) {
    if (!paper->begun)
        return;
    paper->begun = false;
    put_number(paper);
    if (send_page(paper->p, (uint32_t)paper->width, (uint32_t)paper->height))
        send_surface(paper);
    paper->full = paper->p->pages >= paper->p->pages_max;
}

/* ---- lines ---- */

static void put_layout_line(struct paper *paper, PangoLayoutLine *line, double height, double baseline) {
    if (paper->begun && paper->y + height > PAPER_HEIGHT - MARGIN)
        end_page(paper);
    if (paper->full) {
        paper->p->more = true;
        return;
    }
    if (!paper->begun)
        begin_page(paper);
    cairo_move_to(paper->cairo, MARGIN, paper->y + baseline);
    pango_cairo_show_layout_line(paper->cairo, line);
    paper->y += height;
}

static void put_line(struct paper *paper, struct span line) {
    pango_layout_set_text(paper->layout, (const char *)line.p, (int)line.n);
    /* what is drawn replaces the layout's text only between pages: put_number comes after this line's page */
    PangoLayout *copy = pango_layout_copy(paper->layout);
    PangoLayoutIter *iter = pango_layout_get_iter(copy);
    do {
        PangoRectangle logical;
        pango_layout_iter_get_line_extents(iter, NULL, &logical);
        double height = (double)logical.height / PANGO_SCALE;
        double baseline = ((double)pango_layout_iter_get_baseline(iter) - logical.y) / PANGO_SCALE;
        put_layout_line(paper, pango_layout_iter_get_line_readonly(iter), height, baseline);
    } while (!paper->full && pango_layout_iter_next_line(iter));
    pango_layout_iter_free(iter);
    g_object_unref(copy);
}

/* At most so many bytes of it, and whole characters. */
static struct span cut_line(struct span line) {
    size_t n = line.n < LINE_BYTES_MAX ? line.n : LINE_BYTES_MAX;
    while (n < line.n && n > 0 && (line.p[n] & 0xc0) == 0x80)
        n--;
    return span_sub(line, 0, n);
}

static void put_lines(struct paper *paper, struct span text) {
    while (text.n && !paper->full) {
        struct span line = span_sub(text, 0, span_find(text, '\n'));
        struct span part = cut_line(line);
        put_line(paper, part.n ? part : SPAN(" "));
        text = span_from(text, part.n + (part.n == line.n));
    }
    paper->p->more |= text.n > 0;
}

static bool open_paper(struct paper *paper, bool monospaced) {
    double scale = paper->p->side_max / PAPER_HEIGHT;
    paper->height = (int)paper->p->side_max;
    paper->width = (int)(PAPER_WIDTH * scale);
    paper->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, paper->width, paper->height);
    paper->cairo = cairo_create(paper->surface);
    if (paper->width == 0 || cairo_status(paper->cairo) != CAIRO_STATUS_SUCCESS)
        return false;
    cairo_scale(paper->cairo, scale, scale);
    paper->layout = pango_cairo_create_layout(paper->cairo);
    PangoFontDescription *font = pango_font_description_from_string(monospaced ? "DejaVu Sans Mono, monospace 8.5"
                                                                               : "Liberation Sans, DejaVu Sans 10.5");
    pango_layout_set_font_description(paper->layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(paper->layout, (int)((PAPER_WIDTH - 2 * MARGIN) * PANGO_SCALE));
    pango_layout_set_wrap(paper->layout, PANGO_WRAP_WORD_CHAR);
    return true;
}

enum show_reason pages_from_text(struct paginate *p, struct span text, bool monospaced) {
    struct paper paper = {.p = p};
    if (span_trim(text).n == 0)
        return SHOW_EMPTY;
    if (!open_paper(&paper, monospaced))
        return SHOW_ROOM;
    put_lines(&paper, text);
    end_page(&paper);
    if (!p->more)
        p->total = p->pages;
    return SHOW_SHOWN;
}

/* ---- text, whatever its bytes ---- */

/* Characters that no font shows become a mark that people know. */
static void clean(struct span from, struct buf *to) {
    for (size_t i = 0; i < from.n; i++) {
        uint8_t c = from.p[i];
        if (c == '\r')
            continue;
        if (c == '\f')
            buf_byte(to, '\n');
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            buf_text(to, "\xef\xbf\xbd");
        else
            buf_byte(to, c);
    }
}

static struct span charset_of(struct span content) {
    return span_starts(content, SPAN("\xff\xfe"))   ? SPAN("utf-16le")
           : span_starts(content, SPAN("\xfe\xff")) ? SPAN("utf-16be")
           : span_is_utf8(content)                  ? SPAN("utf-8")
                                                    : SPAN("windows-1252");
}

enum show_reason show_text(struct paginate *p) {
    struct buf text = buf_new(4 * p->content.n + 64);
    struct buf shown = buf_new(12 * p->content.n + 64);
    mail_ambiguities ambiguities = 0;
    if (mail_to_utf8(p->content, charset_of(p->content), &text, &ambiguities) != SD_OK)
        return SHOW_ROOM;
    clean(buf_span(&text), &shown);
    return buf_err(&shown) ? SHOW_ROOM : pages_from_text(p, buf_span(&shown), true);
}

enum show_reason show_html(struct paginate *p) {
    struct buf html = buf_new(4 * p->content.n + 64);
    struct buf text = buf_new(4 * p->content.n + 64);
    struct buf shown = buf_new(12 * p->content.n + 64);
    mail_ambiguities ambiguities = 0;
    if (mail_to_utf8(p->content, charset_of(p->content), &html, &ambiguities) != SD_OK ||
        mail_html_to_text(buf_span(&html), &text) != SD_OK)
        return SHOW_ROOM;
    clean(buf_span(&text), &shown);
    return buf_err(&shown) ? SHOW_ROOM : pages_from_text(p, buf_span(&shown), false);
}

/* What was listed until it broke, or was too much, is shown. */
enum show_reason show_archive(struct paginate *p) {
    struct files_budget budget = files_budget_default();
    struct buf listing = buf_new(LISTING_BYTES_MAX);
    enum sd_err err = files_list(&budget, p->content, &listing);
    p->more = err != SD_OK;
    listing.n = span_rfind(buf_span(&listing), '\n') < listing.n ? span_rfind(buf_span(&listing), '\n') + 1 : 0;
    return listing.n ? pages_from_text(p, buf_span(&listing), true) : err ? SHOW_BROKEN : SHOW_EMPTY;
}
