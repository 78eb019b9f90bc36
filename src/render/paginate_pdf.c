#include "render/paginate.h"

#include <stdlib.h>

/* How many pages it says it has; and whether it needs a password. */
static uint32_t count_pages(const char *path, bool *ret_encrypted) {
    const char *const arguments[] = {"/usr/bin/pdfinfo", path, NULL};
    struct program program;
    char line[512];
    uint32_t count = 0;
    if (program_start(arguments, true, &program) != SD_OK)
        return 0;
    while (fgets(line, sizeof line, program.output)) {
        (void)(count == 0 && sscanf(line, "Pages: %u", &count));
        *ret_encrypted |= strstr(line, "Incorrect password") != NULL;
    }
    (void)program_end(&program);
    return count;
}

enum show_reason show_pdf_file(struct paginate *p, const char *path) {
    bool encrypted = false;
    if (!installed("/usr/bin/pdftoppm") || !installed("/usr/bin/pdfinfo"))
        return SHOW_NO_POPPLER;
    p->total = count_pages(path, &encrypted);
    if (encrypted)
        return SHOW_ENCRYPTED;
    char last[16], side[16];
    (void)snprintf(last, sizeof last, "%u", p->pages_max);
    (void)snprintf(side, sizeof side, "%u", p->side_max);
    const char *const arguments[] = {"/usr/bin/pdftoppm", "-q", "-l", last, "-scale-to", side, path, NULL};
    struct program program;
    if (program_start(arguments, false, &program) != SD_OK)
        return SHOW_ROOM;
    enum sd_err err = pages_from_pnm(p, program.output);
    bool well = program_end(&program) == 0;
    p->more |= !well || p->total > p->pages;
    return err == SD_ERR_NOMEM ? SHOW_ROOM : well && err == SD_OK ? SHOW_SHOWN : SHOW_BROKEN;
}

enum show_reason show_pdf(struct paginate *p) {
    const char *path;
    return content_file(p, "pdf", &path) == SD_OK ? show_pdf_file(p, path) : SHOW_ROOM;
}
