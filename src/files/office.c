#include "files/office.h"

#include "files/markup.h"
#include "files/name.h"
#include "files/narrow.h"
#include "files/sheet.h"

#define FIELD_TEXT_MAX ((size_t)1024 * 1024) /* field instructions of one part */
#define SUP_BOOK 360                         /* BrtBeginSupBook, [MS-XLSB] 2.4.247 */

static bool has(struct span s, struct span what) {
    return span_search(s, what) < s.n;
}

struct office office_of(struct zip zip) {
    struct office office = {.kind = OFFICE_NONE};
    struct zip_entry e;
    bool manifest = false, content = false, java = false;
    while (zip_next(&zip, &e)) {
        if (span_ieq(e.name, SPAN("[Content_Types].xml")))
            office.kind = OFFICE_OOXML;
        manifest = manifest || span_ieq(e.name, SPAN("META-INF/manifest.xml")) || span_eq(e.name, SPAN("mimetype"));
        content = content || span_ieq(e.name, SPAN("content.xml"));
        if (span_ends(e.name, SPAN(".iwa")) || span_eq(e.name, SPAN("index.apxl")))
            office.kind = OFFICE_OTHER;
        if (span_ieq(e.name, SPAN("AndroidManifest.xml")) || span_ieq(e.name, SPAN("classes.dex")) ||
            span_ieq(e.name, SPAN("AppxManifest.xml")) || span_ieq(e.name, SPAN("AppxMetadata/AppxBundleManifest.xml")))
            office.findings |= FINDING_BIT(INSTALLER);
        java = java || span_ieq(e.name, SPAN("META-INF/MANIFEST.MF"));
        if (java && span_iends(e.name, SPAN(".class")))
            office.findings |= FINDING_BIT(EXECUTABLE);
    }
    if (office.kind == OFFICE_NONE && manifest && content)
        office.kind = OFFICE_ODF;
    return office;
}

uint64_t office_judge_name(const struct office *office, struct span name, struct span type) {
    uint64_t found = office->findings;
    if (office->kind == OFFICE_NONE && (name_promise(name) == PROMISE_OFFICE || type_promise(type) == PROMISE_OFFICE))
        found |= FINDING_BIT(TYPE_MISMATCH);
    return found;
}

/* What is fetched when the document opens: everything but a link that is clicked, and other workbooks' values. */
static bool is_fetched(struct span type) {
    size_t slash = span_rfind(type, '/');
    struct span kind = slash < type.n ? span_from(type, slash + 1) : type;
    return !span_ieq(kind, SPAN("hyperlink")) && !span_ieq(kind, SPAN("externalLinkPath")) &&
           !span_ieq(kind, SPAN("xlPathMissing")) && !span_ieq(kind, SPAN("xlExternalLinkPath"));
}

static bool is_odd_scheme(struct span target) {
    static const char *const schemes[] = {"ms-", "script:", "javascript:", "vbscript:", "mhtml:", "search-ms:", "search:"};
    struct buf plain SD_CLEANUP(buf_free) = buf_new(1024);
    markup_put_url(span_sub(target, 0, 512), &plain);
    for (size_t i = 0; i < SD_COUNT(schemes); i++)
        if (span_starts(buf_span(&plain), span_cstr(schemes[i])))
            return true;
    return false;
}

void office_judge_relationships(struct judge *j, struct span xml) {
    struct markup_tag tag;
    while (markup_next(&xml, &tag)) {
        if (span_ieq(tag.name, SPAN("Relationship")) &&
            span_iends(markup_attribute_of(&tag, SPAN("Type")), SPAN("/vbaProject")))
            judge_found(j, FINDING_BIT(MACRO)); /* whatever it leads to, and whether that can be read */
        if (!span_ieq(tag.name, SPAN("Relationship")) ||
            !span_ieq(markup_attribute_of(&tag, SPAN("TargetMode")), SPAN("External")))
            continue;
        struct span target = markup_attribute_of(&tag, SPAN("Target"));
        if (is_odd_scheme(target) || (is_fetched(markup_attribute_of(&tag, SPAN("Type"))) && markup_is_remote(target)))
            judge_found(j, FINDING_BIT(EXTERNAL_TEMPLATE));
    }
}

/* DDE as a field's keyword, or letters given by their numbers, which is how the word is hidden. */
static bool is_dde_field(struct span instruction) {
    struct span s = span_trim(instruction);
    if (span_istarts(s, SPAN("DDE")))
        return true;
    if (!span_istarts(s, SPAN("QUOTE")))
        return false;
    s = span_trim(span_from(s, 5));
    return s.n && s.p[0] >= '0' && s.p[0] <= '9';
}

void office_judge_fields(struct judge *j, struct span xml) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(FIELD_TEXT_MAX);
    struct markup_tag tag;
    while (markup_next(&xml, &tag)) {
        struct span instruction = markup_attribute_of(&tag, SPAN("instr"));
        if (instruction.n && is_dde_field(instruction))
            judge_found(j, FINDING_BIT(DDE));
        if (tag.closes)
            continue;
        if (span_ieq(tag.name, SPAN("fldChar")))
            buf_byte(&text, 0x13);
        else if (span_ieq(tag.name, SPAN("instrText")))
            buf_put(&text, markup_text(&tag));
    }
    if (buf_err(&text) == SD_ERR_NOMEM)
        judge_fail(j, SD_ERR_NOMEM);
    struct span_split fields = span_split_start(buf_span(&text));
    struct span field;
    while (span_split_next(&fields, 0x13, &field))
        if (is_dde_field(field) || span_isearch(field, SPAN("DDEAUTO")) < field.n)
            judge_found(j, FINDING_BIT(DDE));
}

static void judge_formulas(struct judge *j, struct span xml) {
    struct markup_tag tag;
    while (markup_next(&xml, &tag))
        if (tag.name.n == 1 && tag.name.p[0] == 'f' && sheet_is_dde(markup_text(&tag)))
            judge_found(j, FINDING_BIT(DDE));
}

/* Records of [MS-XLSB] 2.1.4: type and length in bytes of which the highest bit says that more follow. */
static void judge_binary_links(struct judge *j, struct span part) {
    struct reader r = reader_of(part);
    while (r.rest.n && judge_goes_on(j)) {
        uint32_t type = read_u8(&r), n = 0;
        if (type & 0x80)
            type = (type & 0x7f) | (uint32_t)(read_u8(&r) & 0x7f) << 7;
        for (unsigned i = 0; i < 4; i++) {
            uint8_t byte = read_u8(&r);
            n |= (uint32_t)(byte & 0x7f) << (7 * i);
            if (!(byte & 0x80))
                break;
        }
        struct span record = read_bytes(&r, n);
        if (r.err)
            return;
        if (type == SUP_BOOK && record.n >= 2 && record.p[0] == 1)
            judge_found(j, FINDING_BIT(DDE));
    }
}

static void judge_ooxml_xml(struct office *office, struct judge *j, struct span name, struct span xml) {
    if (span_iends(name, SPAN(".rels")))
        office_judge_relationships(j, xml);
    if (has(xml, SPAN("instrText")) || has(xml, SPAN("fldSimple")))
        office_judge_fields(j, xml);
    if (has(xml, SPAN("ddeLink")))
        judge_found(j, FINDING_BIT(DDE));
    if (has(xml, SPAN("|")) && span_isearch(name, SPAN("sheet")) < name.n)
        judge_formulas(j, xml);
    if (span_ieq(name, SPAN("[Content_Types].xml")) && (has(xml, SPAN("macrosheet+xml")) || has(xml, SPAN("macrosheet\""))))
        office->macro_sheet = true;
    if (has(xml, SPAN("_xlnm.Auto_")))
        office->auto_name = true;
}

/* Loaded as macros, whatever is in it; by relationship see office_judge_relationships(). */
static bool is_macro_part(struct span name) {
    return span_iends(name, SPAN(".bin")) && span_isearch(name, SPAN("vbaProject")) < name.n;
}

static void judge_ooxml(struct office *office, struct judge *j, struct span name, struct span content) {
    if (is_macro_part(name))
        judge_found(j, FINDING_BIT(MACRO));
    if (span_isearch(name, SPAN("macrosheets/")) < name.n)
        office->macro_sheet = true;
    if (span_isearch(name, SPAN("activeX/")) < name.n)
        judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    if (span_isearch(name, SPAN("embeddings/")) < name.n && !span_iends(name, SPAN(".rels")) &&
        format_of(content) != FORMAT_ZIP)
        judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    if (span_iends(name, SPAN(".bin")) && span_istarts(name, SPAN("xl/")))
        judge_binary_links(j, content);
    if (format_looks_like_text(content))
        judge_ooxml_xml(office, j, name, content);
}

static void judge_odf(struct judge *j, struct span name, struct span content) {
    bool list = span_iends(name, SPAN("script-lc.xml")) || span_iends(name, SPAN("script-lb.xml"));
    if ((span_istarts(name, SPAN("Basic/")) && !list) || span_istarts(name, SPAN("Scripts/")))
        judge_found(j, FINDING_BIT(MACRO));
    if (format_of(content) == FORMAT_CFB)
        judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    if (span_ieq(name, SPAN("META-INF/manifest.xml")) && has(content, SPAN("encryption-data")))
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
    if (!span_iends(name, SPAN(".xml")) || !format_looks_like_text(content))
        return;
    if (has(content, SPAN("vnd.sun.star.script")) && has(content, SPAN("event-listener")))
        judge_found(j, FINDING_BIT(MACRO) | FINDING_BIT(MACRO_AUTORUN));
    if (has(content, SPAN("dde-source")) || has(content, SPAN("dde-connection")) || has(content, SPAN("of:=DDE(")))
        judge_found(j, FINDING_BIT(DDE));
    struct markup_tag tag;
    while (markup_next(&content, &tag)) {
        bool object = span_ieq(tag.name, SPAN("object")) || span_ieq(tag.name, SPAN("object-ole")) ||
                      span_ieq(tag.name, SPAN("floating-frame")) || span_ieq(tag.name, SPAN("section-source"));
        if (object && markup_is_remote(markup_attribute_of(&tag, SPAN("href"))))
            judge_found(j, FINDING_BIT(EXTERNAL_TEMPLATE));
    }
}

void office_judge_part(struct office *office, struct judge *j, struct span name, struct span content) {
    struct buf narrow SD_CLEANUP(buf_free) = buf_new(content.n + 1);
    bool xml = span_iends(name, SPAN(".xml")) || span_iends(name, SPAN(".rels"));
    if (xml && content.n && memchr(content.p, 0, content.n < 256 ? content.n : 256))
        content = narrowed(content, &narrow);
    if (buf_err(&narrow) != SD_OK)
        judge_fail(j, buf_err(&narrow));
    else if (office->kind == OFFICE_OOXML)
        judge_ooxml(office, j, name, content);
    else if (office->kind == OFFICE_ODF)
        judge_odf(j, name, content);
}

void office_judge_end(const struct office *office, struct judge *j) {
    if (office->macro_sheet)
        judge_found(j, FINDING_BIT(MACRO_EXCEL4) | (office->auto_name ? FINDING_BIT(MACRO_AUTORUN) : 0));
}
