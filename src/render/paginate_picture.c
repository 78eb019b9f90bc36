#include "render/paginate.h"

/* GraphicsMagick is told which of its readers to use: it has others, which run programs or read what a picture names. Of an
 * animation the first picture; of a TIFF one page more than is shown, to know that there are more. */
enum show_reason show_picture(struct paginate *p) {
    const char *path, *reader = picture_reader(p->content);
    char what[128], size[32];
    if (!installed("/usr/bin/gm"))
        return SHOW_NO_GRAPHICSMAGICK;
    if (!reader)
        return SHOW_KIND;
    if (content_file(p, "picture", &path) != SD_OK)
        return SHOW_ROOM;
    (void)snprintf(what, sizeof what, "%s:%s[0-%u]", reader, path, strcmp(reader, "tiff") == 0 ? p->pages_max : 0);
    (void)snprintf(size, sizeof size, "%ux%u>", p->side_max, p->side_max);
    const char *const arguments[] = {"/usr/bin/gm", "convert", "-limit",  "memory", "1GiB",         "-limit",      "map",
                                     "1GiB",        "-limit",  "disk",    "0",      "-limit",       "pixels",      "200MP",
                                     "-limit",      "threads", "2",       what,     "-auto-orient", "-colorspace", "RGB",
                                     "-depth",      "8",       "-resize", size,     "pam:-",        NULL};
    struct program program;
    if (program_start(arguments, false, &program) != SD_OK)
        return SHOW_ROOM;
    enum sd_err err = pages_from_pnm(p, program.output);
    bool well = program_end(&program) == 0;
    if (!p->more && well)
        p->total = p->pages;
    return well && err == SD_OK ? SHOW_SHOWN : SHOW_BROKEN;
}
