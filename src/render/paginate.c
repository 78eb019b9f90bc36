/*
 * sealdesk-paginate PAGES SIDE EXTENSION - in the sandbox: a document on standard input, its pages' pixels on standard output.
 * Started by bubblewrap only (box.c).
 */
#include "render/paginate.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum show_reason show(struct paginate *p) {
    switch (form_of(p->content, p->extension)) {
    case FORM_EMPTY:
        return SHOW_EMPTY;
    case FORM_PDF:
        return show_pdf(p);
    case FORM_PICTURE:
        return show_picture(p);
    case FORM_DOCUMENT:
        return show_document(p);
    case FORM_HTML:
        return show_html(p);
    case FORM_MAIL:
        return show_mail(p);
    case FORM_ARCHIVE:
        return show_archive(p);
    case FORM_TEXT:
        return show_text(p);
    case FORM_UNKNOWN:
        break;
    }
    return SHOW_KIND;
}

static bool map_content(struct span *ret) {
    struct stat st;
    if (fstat(STDIN_FILENO, &st) != 0)
        return false;
    *ret = SPAN_NONE;
    if (st.st_size == 0)
        return true;
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
    if (at == MAP_FAILED)
        return false;
    *ret = span_of(at, (size_t)st.st_size);
    return true;
}

static uint32_t number(const char *text, uint32_t max) {
    uint64_t v = 0;
    return span_to_u64(span_cstr(text), &v) == SD_OK && v >= 1 && v <= max ? (uint32_t)v : 1;
}

int main(int argc, char **argv) {
    struct paginate p = {0};
    if (argc != 4 || !map_content(&p.content)) {
        (void)fprintf(stderr, "sealdesk-paginate is started by sealdesk-render, not by hand.\n");
        return 2;
    }
    p.pages_max = number(argv[1], STREAM_PAGES_MAX);
    p.side_max = number(argv[2], STREAM_SIDE_MAX);
    p.extension = argv[3];
    enum show_reason reason = show(&p);
    if (p.pages > 0)
        reason = SHOW_SHOWN;
    else if (reason == SHOW_SHOWN)
        reason = SHOW_BROKEN; /* it went well, and there was nothing */
    send_end(&p, reason);
    return 0;
}
