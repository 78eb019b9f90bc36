#include "files/vba.h"

#define CHUNK_BYTES 4096

/* One chunk's tokens ([MS-OVBA] 2.4.1.3): a flag byte for eight of them, each a byte as it is or a piece of what came before.
 */
static bool decompress_tokens(struct span chunk, struct buf *to) {
    size_t start = to->n, i = 0;
    while (i < chunk.n) {
        uint8_t flags = chunk.p[i++];
        for (unsigned bit = 0; bit < 8 && i < chunk.n; bit++) {
            if (!(flags >> bit & 1)) {
                buf_byte(to, chunk.p[i++]);
                continue;
            }
            if (i + 1 >= chunk.n)
                return false;
            unsigned token = chunk.p[i] | (unsigned)chunk.p[i + 1] << 8, bits = 4;
            size_t done = to->n - start;
            i += 2;
            while (bits < 12 && ((size_t)1 << bits) < done)
                bits++;
            size_t offset = (token >> (16 - bits)) + 1, length = (token & (0xffffU >> bits)) + 3;
            if (offset > done)
                return false;
            for (size_t k = 0; k < length && buf_err(to) == SD_OK; k++)
                buf_byte(to, to->p[to->n - offset]);
        }
        if (buf_err(to) != SD_OK || to->n - start > 2 * CHUNK_BYTES)
            return false;
    }
    return true;
}

bool vba_decompress(struct span container, struct buf *to) {
    if (!container.n || container.p[0] != 1)
        return false;
    struct reader r = reader_of(span_from(container, 1));
    while (r.rest.n >= 2 && buf_err(to) == SD_OK) {
        uint16_t header = read_u16(&r);
        if ((header >> 12 & 7) != 3)
            break;
        size_t n = (header & 0xfffU) + 1;
        struct span chunk = span_sub(r.rest, 0, n);
        if (!(header & 0x8000))
            buf_put(to, span_sub(r.rest, 0, CHUNK_BYTES));
        else if (!decompress_tokens(chunk, to))
            break;
        (void)read_bytes(&r, n < r.rest.n ? n : r.rest.n);
    }
    return true;
}

static bool is_word(uint8_t c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool has_word(struct span source, struct span word) {
    for (size_t from = 0; from < source.n;) {
        size_t at = span_isearch(span_from(source, from), word);
        if (at == source.n - from)
            return false;
        at += from;
        bool begins = at == 0 || !is_word(source.p[at - 1]);
        bool ends = at + word.n >= source.n || !is_word(source.p[at + word.n]);
        if (begins && ends)
            return true;
        from = at + 1;
    }
    return false;
}

bool vba_runs_by_itself(struct span source) {
    static const char *const names[] = {
        "AutoExec",
        "AutoOpen",
        "Auto_Open",
        "AutoClose",
        "Auto_Close",
        "AutoNew",
        "AutoExit",
        "Document_Open",
        "DocumentOpen",
        "Document_Close",
        "DocumentBeforeClose",
        "Document_New",
        "NewDocument",
        "Document_ContentControlOnEnter",
        "Workbook_Open",
        "Workbook_Activate",
        "Workbook_Close",
        "Workbook_BeforeClose",
        "Workbook_Deactivate",
        "WorkbookOpen",
        "Worksheet_Calculate",
        "Worksheet_Activate",
        "Auto_Ope",
    };
    static const char *const events[] = {"_Layout",     "_Painted", "_Painting",        "_GotFocus",         "_LostFocus",
                                         "_MouseHover", "_Resize",  "_BeforeNavigate2", "_DocumentComplete", "_OnConnecting"};
    for (size_t i = 0; i < SD_COUNT(names); i++)
        if (has_word(source, span_cstr(names[i])))
            return true;
    for (size_t i = 0; i < SD_COUNT(events); i++)
        if (span_isearch(source, span_cstr(events[i])) < source.n)
            return true;
    return false;
}
