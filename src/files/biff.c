/* Excel's records before 2007 ([MS-XLS]): sheets of macros, links, encryption. */
#include "files/judge.h"

#define FILE_PASS 0x2f
#define NAME 0x18
#define BOUND_SHEET 0x85
#define EXTERN_SHEET 0x17
#define SUP_BOOK 0x1ae
#define BEGIN 0x09       /* BOF of versions 2 to 8: the low byte */
#define BEGIN_MACRO 0x40 /* a stream of its own that is a macro sheet */
#define PATH_DDE 0x03    /* stands between server and topic, [MS-XLS] 2.5.277 */
#define NAME_BUILTIN 0x20
#define RECORDS_MAX 4000000 /* a letter has room for no more */

struct workbook {
    uint16_t version;
    bool macro_sheet, auto_name, encrypted;
};

#define VERSION_8 0x0600
#define PATH_ENCODED 0x01 /* begins the path of a file; server and topic have none */

/* Auto_Open and Auto_Close: as a built-in name's number or in letters. */
static bool is_auto_name(struct span record) {
    struct reader r = reader_of(record);
    uint16_t flags = read_u16(&r);
    if (flags & NAME_BUILTIN) {
        struct span tail = span_sub(record, 14, 2);
        for (size_t i = 0; i < tail.n; i++)
            if (tail.p[i] == 1 || tail.p[i] == 2)
                return true;
    }
    return span_isearch(record, SPAN("auto_")) < record.n;
}

/* Server and topic of a DDE link; 0x03 within the path of a file is only a slash. */
static bool is_dde_link(const struct workbook *w, uint16_t type, struct span record) {
    if ((type == SUP_BOOK) != (w->version >= VERSION_8))
        return false;
    struct span path = span_from(record, type == SUP_BOOK ? 5 : 1);
    return path.n && path.p[0] != PATH_ENCODED && path.p[0] != PATH_DDE && span_find(path, PATH_DDE) < path.n;
}

static void read_record(struct workbook *w, struct judge *j, uint16_t type, struct span record) {
    switch (type) {
    case FILE_PASS:
        w->encrypted = true;
        break;
    case BOUND_SHEET:
        w->macro_sheet = w->macro_sheet || (record.n > 5 && (record.p[5] & 0x0f) == 1);
        break;
    case NAME:
        w->auto_name = w->auto_name || is_auto_name(record);
        break;
    case SUP_BOOK:
    case EXTERN_SHEET:
        if (is_dde_link(w, type, record))
            judge_found(j, FINDING_BIT(DDE));
        break;
    default:
        if ((type & 0xff) == BEGIN && record.n >= 4) {
            w->version = (uint16_t)(record.p[0] | record.p[1] << 8);
            w->macro_sheet = w->macro_sheet || (record.p[2] == BEGIN_MACRO && record.p[3] == 0);
        }
        break;
    }
}

void biff_judge(struct judge *j, struct span stream) {
    struct workbook w = {.macro_sheet = false};
    struct reader r = reader_of(stream);
    for (unsigned i = 0; r.rest.n >= 4 && i < RECORDS_MAX; i++) {
        uint16_t type = read_u16(&r), n = read_u16(&r);
        read_record(&w, j, type, read_bytes(&r, n));
        if (i % 4096 == 0 && !judge_goes_on(j))
            return;
    }
    if (w.encrypted)
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
    if (w.macro_sheet)
        judge_found(j, FINDING_BIT(MACRO_EXCEL4) | (w.auto_name ? FINDING_BIT(MACRO_AUTORUN) : 0));
}
