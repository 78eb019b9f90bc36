/* Compound files: Office before 2007, Outlook's messages, installers, and what Office embeds. */
#include <string.h>

#include "files/cfb.h"
#include "files/judge.h"
#include "files/ole.h"
#include "files/vba.h"

#define ARENA_EXTRA ((size_t)16 * 1024 * 1024) /* directory and tables of a small file */
#define STREAM_MAX ((size_t)64 * 1024 * 1024)  /* of one stream; a letter is smaller */
#define SOURCE_MAX ((size_t)8 * 1024 * 1024)   /* decompressed, of one module */
#define PPT_OBJECT 0x1011                      /* ExOleObjStg, [MS-PPT] 2.10.34 */
#define PPT_ENCRYPTED 0xf3d1c4dfU              /* CurrentUserAtom.headerToken, [MS-PPT] 2.3.2 */
#define FIB_ENCRYPTED 0x0100                   /* FibBase flag A/F fEncrypted, [MS-DOC] 2.5.2 */

struct ole {
    struct judge *judge;
    struct cfb cfb;
    bool vba;
};

static bool has_clsid(const struct cfb_entry *e, const char *clsid) {
    return memcmp(e->clsid, clsid, sizeof e->clsid) == 0;
}

/* Classes of a storage that are a finding as such; little endian as they are stored. */
static void judge_class(struct judge *j, const struct cfb_entry *e) {
    static const struct {
        const char clsid[17];
        uint64_t finding;
    } classes[] = {
#define OFFICE_TAIL "\0\0\0\0\xc0\0\0\0\0\0\0\x46"
        {"\x84\x10\x0c\0" OFFICE_TAIL, FINDING_BIT(INSTALLER)},
        {"\x86\x10\x0c\0" OFFICE_TAIL, FINDING_BIT(INSTALLER)},
        {"\x82\x10\x0c\0" OFFICE_TAIL, FINDING_BIT(INSTALLER)},
        {"\0\x03\0\0" OFFICE_TAIL, FINDING_BIT(EXTERNAL_TEMPLATE)},   /* a link */
        {"\x02\xce\x02\0" OFFICE_TAIL, FINDING_BIT(EMBEDDED_OBJECT)}, /* Equation 3 */
        {"\x0c\0\x03\0" OFFICE_TAIL, FINDING_BIT(EMBEDDED_OBJECT)},   /* Package */
#undef OFFICE_TAIL
    };
    for (size_t i = 0; i < SD_COUNT(classes); i++)
        if (has_clsid(e, classes[i].clsid))
            judge_found(j, classes[i].finding);
}

static bool read_stream(struct ole *ole, const struct cfb_entry *e, struct buf *to) {
    bool whole = judge_unpacked(ole->judge, e->size < STREAM_MAX ? e->size : STREAM_MAX) &&
                 cfb_read(&ole->cfb, e, STREAM_MAX, to);
    if (buf_err(to) == SD_ERR_NOMEM)
        judge_fail(ole->judge, SD_ERR_NOMEM);
    if (!whole)
        judge_found(ole->judge, FINDING_BIT(DAMAGED));
    return whole;
}

/* Source code begins with "Attribut" as it is, behind the container's and the chunk's three bytes and the first flags. */
static void judge_module(struct judge *j, struct span stream) {
    size_t at = span_search(stream, SPAN("\0Attribut"));
    struct buf source SD_CLEANUP(buf_free) = buf_new(SOURCE_MAX);
    if (vba_runs_by_itself(stream)) /* names of p-code stand uncompressed */
        judge_found(j, FINDING_BIT(MACRO_AUTORUN));
    if (at == stream.n || at < 3)
        return;
    if (vba_decompress(span_from(stream, at - 3), &source) && judge_unpacked(j, source.n) &&
        vba_runs_by_itself(buf_span(&source)))
        judge_found(j, FINDING_BIT(MACRO_AUTORUN));
}

/* A file dragged into a document: label and path, then the file ([MS-OLEDS] 2.3.6; its native data is the shell's). */
static struct span cstr_of(struct reader *r) {
    struct span s = span_sub(r->rest, 0, span_find(r->rest, 0));
    (void)read_bytes(r, s.n + 1);
    return s;
}

void ole_judge_native(struct judge *j, struct span stream) {
    struct reader r = reader_of(stream);
    judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    (void)read_u32(&r);
    (void)read_u16(&r);
    struct span label = cstr_of(&r), path = cstr_of(&r);
    (void)read_u32(&r);
    (void)read_blob(&r, r.rest.n);
    uint32_t size = read_u32(&r);
    struct span content = span_sub(r.rest, 0, size);
    if (r.err || !content.n || !judge_entry(j))
        return;
    judge_file(j, &(struct files_subject){.content = content, .name = label, .other_name = path});
}

/* Fields of Word begin with 0x13; their text is of one byte or two. */
static void judge_word_fields(struct judge *j, struct span text) {
    for (size_t from = 0; from < text.n;) {
        size_t at = from + span_find(span_from(text, from), 0x13);
        char word[4] = {0};
        size_t n = 0;
        for (size_t i = at + 1; i < text.n && i < at + 64 && n < 3; i++)
            if (text.p[i] != 0 && (text.p[i] != ' ' || n))
                word[n++] = (char)text.p[i];
        if (span_ieq(span_cstr(word), SPAN("DDE")))
            judge_found(j, FINDING_BIT(DDE));
        from = at + 1;
    }
}

static void judge_word(struct judge *j, struct span stream) {
    struct reader r = reader_of(span_from(stream, 10));
    if (read_u16(&r) & FIB_ENCRYPTED)
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
    judge_word_fields(j, stream);
}

/* Its size, and a stream of zlib's whose end PowerPoint leaves out at times. */
static void judge_compressed_object(struct judge *j, struct span packed) {
    struct unpacking u = {.judge = j, .packed = packed.n};
    struct buf object SD_CLEANUP(buf_free) = buf_new((size_t)unpacking_room(&u) + 128 * 1024);
    struct reader r = reader_of(packed);
    uint32_t size = read_u32(&r);
    if (!unpacking_inflate(&u, r.rest, INFLATE_ZLIB, &object) && object.n < size && judge_goes_on(j))
        judge_found(j, FINDING_BIT(DAMAGED));
    judge_content(j, SPAN_NONE, buf_span(&object));
}

/* Records ([MS-PPT] 2.3.1): containers are stepped into, as their records follow one another. An object storage with macros is
 * no embedded object but the presentation's own. */
static void judge_slides(struct judge *j, struct span stream) {
    struct reader r = reader_of(stream);
    while (r.rest.n >= 8 && judge_goes_on(j)) {
        uint16_t version = read_u16(&r), type = read_u16(&r);
        uint32_t n = read_u32(&r);
        if ((version & 15) == 15)
            continue;
        struct span record = span_sub(r.rest, 0, n);
        (void)read_bytes(&r, record.n);
        if (type != PPT_OBJECT || !record.n || !judge_entry(j))
            continue;
        uint64_t before = j->findings;
        if (version >> 4 == 1)
            judge_compressed_object(j, record);
        else
            judge_content(j, SPAN_NONE, record);
        if (!(j->findings & ~before & FINDING_BIT(MACRO)))
            judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    }
}

static void judge_current_user(struct judge *j, struct span stream) {
    struct reader r = reader_of(span_from(stream, 12));
    if (read_u32(&r) == PPT_ENCRYPTED)
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
}

/* A link whose moniker is a URL: 79EAC9E0-BAF9-11CE-8C82-00AA004BA90B. */
static void judge_link(struct judge *j, struct span stream) {
    if (span_search(stream, SPAN("\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\0\xaa\0\x4b\xa9\x0b")) < stream.n)
        judge_found(j, FINDING_BIT(EXTERNAL_TEMPLATE));
}

/* A message's attachments ([MS-OXMSG]): data, and the long file name in the same storage. */
static struct span attachment_name(struct ole *ole, const struct cfb_entry *data, struct buf *to) {
    for (size_t i = 0; i < ole->cfb.entry_count; i++) {
        const struct cfb_entry *e = &ole->cfb.entries[i];
        if (e->parent != data->parent || (!cfb_is(e, "__substg1.0_3707001F") && !cfb_is(e, "__substg1.0_3707001E")))
            continue;
        struct buf wide SD_CLEANUP(buf_free) = buf_new(1024);
        (void)cfb_read(&ole->cfb, e, 1024, &wide);
        for (size_t k = 0; k < wide.n; k++)
            if (wide.p[k])
                buf_byte(to, wide.p[k]);
    }
    return buf_span(to);
}

static void judge_attachment(struct ole *ole, const struct cfb_entry *e, struct span stream) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(1024);
    struct span called = attachment_name(ole, e, &name);
    if (judge_entry(ole->judge))
        judge_content(ole->judge, called, stream);
}

static void judge_stream(struct ole *ole, const struct cfb_entry *e) {
    struct judge *j = ole->judge;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(STREAM_MAX + 1);
    if (!e->size || !read_stream(ole, e, &bytes))
        return;
    struct span stream = buf_span(&bytes);
    if (ole->vba)
        judge_module(j, stream);
    if (cfb_is(e, "\x01Ole10Native"))
        ole_judge_native(j, stream);
    else if (cfb_is(e, "WordDocument"))
        judge_word(j, stream);
    else if (cfb_is(e, "Workbook") || cfb_is(e, "Book"))
        biff_judge(j, stream);
    else if (cfb_is(e, "PowerPoint Document"))
        judge_slides(j, stream);
    else if (cfb_is(e, "Current User"))
        judge_current_user(j, stream);
    else if (cfb_is(e, "\x01Ole"))
        judge_link(j, stream);
    else if (cfb_is(e, "__substg1.0_37010102"))
        judge_attachment(ole, e, stream);
    else if ((cfb_is(e, "Package") || cfb_is(e, "CONTENTS")) && judge_entry(j))
        judge_content(j, SPAN_NONE, stream);
}

/* What the directory alone tells. */
static void judge_directory_entry(struct ole *ole, const struct cfb_entry *e) {
    struct judge *j = ole->judge;
    if (e->type == CFB_NONE)
        return;
    if (e->type != CFB_STREAM)
        judge_class(j, e);
    if (cfb_is(e, "_VBA_PROJECT") || (cfb_is(e, "VBA") && e->type == CFB_STORAGE)) {
        ole->vba = true;
        judge_found(j, FINDING_BIT(MACRO));
    }
    bool object = cfb_is(e, "Equation Native") || cfb_is(e, "\x01Ole10Native") || cfb_is(e, "\x01Ole10ItemName") ||
                  (e->type == CFB_STORAGE && span_starts(span_cstr(e->name), SPAN("MBD"))) ||
                  (e->type == CFB_STORAGE && cfb_is(e, "ObjectPool") && e->child != CFB_NOWHERE);
    if (object)
        judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    if (cfb_is(e, "EncryptedPackage") || cfb_is(e, "EncryptedSummary") ||
        cfb_is(e, "\x06"
                  "DataSpaces"))
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
}

static void judge_compound(struct ole *ole) {
    struct judge *j = ole->judge;
    if (ole->cfb.broken)
        judge_found(j, FINDING_BIT(DAMAGED));
    for (size_t i = 0; i < ole->cfb.entry_count; i++)
        judge_directory_entry(ole, &ole->cfb.entries[i]);
    for (size_t i = 0; i < ole->cfb.entry_count && judge_goes_on(j); i++)
        if (ole->cfb.entries[i].type == CFB_STREAM)
            judge_stream(ole, &ole->cfb.entries[i]);
}

void ole_judge(struct judge *j, struct span content) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(3 * content.n + ARENA_EXTRA);
    struct ole ole = {.judge = j};
    if (!arena) {
        judge_fail(j, SD_ERR_NOMEM);
        return;
    }
    enum sd_err err = cfb_open(content, arena, &ole.cfb);
    if (err == SD_ERR_NOMEM)
        judge_fail(j, err);
    else if (err != SD_OK)
        judge_found(j, FINDING_BIT(DAMAGED));
    else
        judge_compound(&ole);
}

/* What Word keeps of macros in web pages: a header, then a compound file by zlib. */
void active_mime_judge(struct judge *j, struct span content) {
    judge_found(j, FINDING_BIT(MACRO));
    for (size_t at = 0x20; at + 2 < content.n && at < 0x100; at++) {
        if (content.p[at] != 0x78 || (content.p[at] * 256U + content.p[at + 1]) % 31 != 0)
            continue;
        struct unpacking u = {.judge = j, .packed = content.n};
        struct buf object SD_CLEANUP(buf_free) = buf_new((size_t)unpacking_room(&u) + 128 * 1024);
        if (unpacking_inflate(&u, span_from(content, at), INFLATE_ZLIB, &object)) {
            judge_content(j, SPAN_NONE, buf_span(&object));
            return;
        }
    }
}
