/* A listing of an archive for people. */
#include "files/list.h"
#include "files/archive.h"
#include "files/files.h"
#include "files/name.h"
#include "files/zip.h"

#define NAME_SHOWN_MAX 1024

/* What a terminal or a page would act on becomes a dot: control characters, those that turn or hide, what is no UTF-8. */
static void put_name(struct buf *to, struct span name) {
    name = span_sub(name, 0, NAME_SHOWN_MAX);
    bool utf8 = span_is_utf8(name);
    for (size_t i = 0; i < name.n;) {
        uint8_t c = name.p[i];
        size_t n = !utf8 || c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        struct span character = span_sub(name, i, n);
        if ((c >= 0x80 && !utf8) || name_hides(character))
            buf_byte(to, '.');
        else
            buf_put(to, character);
        i += n;
    }
}

void list_line(struct buf *to, uint64_t size, int year, int month, int day, struct span name) {
    buf_printf(to, "%12llu  %04d-%02d-%02d  ", (unsigned long long)size, year, month, day);
    put_name(to, name);
    buf_byte(to, '\n');
}

enum sd_err files_list(struct files_budget *budget, struct span archive, struct buf *to) {
    struct zip zip;
    struct zip_entry e;
    if (!zip_open(archive, &zip))
        return archive_list(budget, archive, to);
    while (zip_next(&zip, &e)) {
        if (budget->entries_left == 0 || deadline_passed(budget->deadline))
            return SD_ERR_LIMIT;
        budget->entries_left--;
        list_line(to, e.size, 1980 + (e.date >> 9), e.date >> 5 & 15, e.date & 31, e.name);
    }
    return buf_err(to);
}
