/* Two kinds of file at once: what another program would find in the same bytes. */
#include "files/judge.h"
#include "files/zip.h"

#define PDF_MAGIC_WITHIN 1024

/* Behind the picture's last byte; empty when it ends there, or is cut off. */
static struct span behind_png(struct span s) {
    size_t end = span_search(s, SPAN("IEND\xae\x42\x60\x82"));
    return end < s.n ? span_from(s, end + 8) : SPAN_NONE;
}

static struct span behind_gif(struct span s) {
    struct reader r = reader_of(span_from(s, 10));
    uint8_t flags = read_u8(&r);
    (void)read_bytes(&r, 2U + (flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0));
    while (!r.err) {
        uint8_t kind = read_u8(&r);
        if (kind == 0x3b)
            return r.rest;
        if (kind == 0x2c) {
            (void)read_bytes(&r, 8);
            flags = read_u8(&r);
            (void)read_bytes(&r, 1U + (flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0));
        } else if (kind == 0x21) {
            (void)read_u8(&r);
        } else {
            break;
        }
        for (uint8_t n = read_u8(&r); n && !r.err; n = read_u8(&r))
            (void)read_bytes(&r, n);
    }
    return SPAN_NONE;
}

/* In a scan's data FF is followed by 00 or a restart marker; the next other marker ends it. */
static size_t scan_end(struct span s, size_t at) {
    while (at + 1 < s.n) {
        at += span_find(span_from(s, at), 0xff);
        if (at + 1 >= s.n)
            break;
        uint8_t next = s.p[at + 1];
        if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7))
            return at;
        at += next == 0xff ? 1 : 2;
    }
    return s.n;
}

static struct span behind_jpeg(struct span s) {
    size_t at = 2;
    while (at + 4 <= s.n && s.p[at] == 0xff) {
        uint8_t marker = s.p[at + 1];
        if (marker == 0xd9)
            return span_from(s, at + 2);
        if (marker == 0xff) {
            at++;
            continue;
        }
        at += 2 + ((size_t)s.p[at + 2] << 8 | s.p[at + 3]);
        if (marker == 0xda)
            at = scan_end(s, at);
    }
    return SPAN_NONE;
}

static void judge_behind(struct judge *j, struct span tail) {
    tail = span_trim(tail);
    if (!tail.n)
        return;
    switch (format_class(format_of(tail))) {
    case FORMAT_CLASS_UNKNOWN:
    case FORMAT_CLASS_TEXT:
    case FORMAT_CLASS_PICTURE:
    case FORMAT_CLASS_MEDIA:
        return;
    default:
        judge_found(j, FINDING_BIT(POLYGLOT));
        if (judge_entry(j))
            judge_content(j, SPAN_NONE, tail);
        return;
    }
}

/* A page or program text within a picture, for whoever serves or includes it. */
static void judge_picture(struct judge *j, enum format format, struct span content) {
    if (span_search(content, SPAN("<script")) < content.n || span_search(content, SPAN("<?php")) < content.n)
        judge_found(j, FINDING_BIT(POLYGLOT));
    if (format == FORMAT_PNG)
        judge_behind(j, behind_png(content));
    else if (format == FORMAT_GIF)
        judge_behind(j, behind_gif(content));
    else if (format == FORMAT_JPEG)
        judge_behind(j, behind_jpeg(content));
}

static bool only_white(struct span s) {
    struct span rest = span_starts(s, SPAN("\xef\xbb\xbf")) ? span_from(s, 3) : s;
    return span_trim(rest).n == 0;
}

static void judge_pdf_within(struct judge *j, enum format format, struct span content) {
    struct span head = span_sub(content, 0, PDF_MAGIC_WITHIN);
    size_t at = span_search(head, SPAN("%PDF-"));
    if (at == head.n || at == 0 || only_white(span_sub(head, 0, at)) || span_search(content, SPAN("endobj")) == content.n)
        return;
    judge_found(j, FINDING_BIT(POLYGLOT));
    if (format != FORMAT_PDF)
        pdf_judge(j, span_from(content, at));
}

static void judge_archive_within(struct judge *j, enum format format, struct span content) {
    static const struct {
        const char *magic;
        size_t n;
    } magics[] = {{"Rar!\x1a\x07", 6}, {"7z\xbc\xaf\x27\x1c", 6}, {"MSCF\0\0\0\0", 8}};
    struct zip zip;
    if (zip_open(content, &zip) && zip.count > 0) {
        judge_found(j, FINDING_BIT(POLYGLOT));
        zip_judge(j, &(struct files_subject){.content = content});
    }
    size_t count = format_class(format) == FORMAT_CLASS_PROGRAM ? SD_COUNT(magics) : 2; /* cabinets only within installers */
    for (size_t i = 0; i < count; i++) {
        size_t at = span_search(content, span_of(magics[i].magic, magics[i].n));
        if (at == content.n || at == 0 || !judge_entry(j))
            continue;
        judge_found(j, FINDING_BIT(POLYGLOT));
        judge_content(j, SPAN_NONE, span_from(content, at));
    }
}

static bool is_disc(struct span content) {
    return span_eq(span_sub(content, 32769, 5), SPAN("CD001")) || span_eq(span_sub(content, 34817, 5), SPAN("CD001"));
}

void polyglot_judge(struct judge *j, enum format format, struct span content) {
    enum format_class class = format_class(format);
    bool holder = class == FORMAT_CLASS_ARCHIVE || class == FORMAT_CLASS_MAIL || class == FORMAT_CLASS_DISK ||
                  format == FORMAT_CFB || class == FORMAT_CLASS_CMS || format == FORMAT_EMPTY ||
                  class == FORMAT_CLASS_INSTALLER;
    if (holder || !judge_goes_on(j))
        return;
    judge_pdf_within(j, format, content);
    if (class == FORMAT_CLASS_PICTURE)
        judge_picture(j, format, content);
    if (class != FORMAT_CLASS_TEXT)
        judge_archive_within(j, format, content);
    if (is_disc(content))
        judge_found(j, FINDING_BIT(POLYGLOT) | FINDING_BIT(DISK_IMAGE));
}
