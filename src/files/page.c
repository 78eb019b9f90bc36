/* Pages (HTML, SVG, XHTML): what runs, sends, or builds a file. And XML that other programs act on. */
#include "files/judge.h"
#include "files/markup.h"
#include "files/office.h"

#define BASE64_LONG 1024 /* characters in a row: more than a key or an icon's name, less than a program */
#define URL_MAX 256
#define ENTITIES_MAX 1000 /* declared; DTDs of the day have dozens */

static bool is_one_of(struct span s, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_ieq(s, span_cstr(words[i])))
            return true;
    return false;
}

static bool is_script_url(struct span url) {
    static const char *const schemes[] = {"javascript:",         "vbscript:",
                                          "livescript:",         "data:text/html",
                                          "data:text/xml",       "data:application/xhtml",
                                          "data:image/svg",      "data:application/javascript",
                                          "data:text/javascript"};
    for (size_t i = 0; i < SD_COUNT(schemes); i++)
        if (span_starts(url, span_cstr(schemes[i])))
            return true;
    return false;
}

/* A file within a link: what is no picture, font or style. */
static bool is_file_url(struct span url) {
    return span_starts(url, SPAN("data:")) && !span_starts(url, SPAN("data:image/")) && !span_starts(url, SPAN("data:font")) &&
           !span_starts(url, SPAN("data:text/css")) && !span_starts(url, SPAN("data:application/font")) &&
           !span_starts(url, SPAN("data:application/x-font")) && !span_starts(url, SPAN("data:application/vnd.ms-fontobject"));
}

static bool is_url_attribute(struct span name) {
    static const char *const names[] = {"href",       "src",      "action", "formaction", "data",   "xlink:href",
                                        "background", "codebase", "to",     "from",       "values", "srcdoc"};
    return is_one_of(name, names, SD_COUNT(names));
}

static void judge_attribute(struct judge *j, struct span element, const struct markup_attribute *a) {
    if (a->name.n > 3 && span_istarts(a->name, SPAN("on")))
        judge_found(j, FINDING_BIT(ACTIVE_PAGE));
    if (span_ieq(a->name, SPAN("srcdoc")))
        judge_found(j, FINDING_BIT(ACTIVE_PAGE));
    if (!is_url_attribute(a->name))
        return;
    struct buf plain SD_CLEANUP(buf_free) = buf_new(4 * URL_MAX);
    markup_put_url(span_sub(a->value, 0, URL_MAX), &plain);
    struct span url = buf_span(&plain);
    bool picture = span_ieq(element, SPAN("img")) || span_ieq(element, SPAN("image"));
    if (is_script_url(url) && !(picture && span_starts(url, SPAN("data:image/"))))
        judge_found(j, FINDING_BIT(ACTIVE_PAGE));
    if (is_file_url(url) && (span_ieq(element, SPAN("a")) || span_ieq(element, SPAN("area")) || a->value.n > BASE64_LONG))
        judge_found(j, FINDING_BIT(HTML_SMUGGLING));
}

static void judge_tag(struct judge *j, const struct markup_tag *tag) {
    static const char *const active[] = {"script",  "form",     "iframe",  "frame",         "frameset",
                                         "object",  "embed",    "applet",  "foreignobject", "portal",
                                         "handler", "listener", "isindex", "xss",           "behavior"};
    if (tag->closes)
        return;
    if (is_one_of(tag->name, active, SD_COUNT(active)))
        judge_found(j, FINDING_BIT(ACTIVE_PAGE));
    if (span_ieq(tag->name, SPAN("meta"))) {
        struct span what = span_trim(markup_attribute_of(tag, SPAN("http-equiv")));
        struct span content = markup_attribute_of(tag, SPAN("content"));
        if (span_ieq(what, SPAN("refresh")) && span_isearch(content, SPAN("url")) < content.n)
            judge_found(j, FINDING_BIT(ACTIVE_PAGE));
    }
    struct span rest = tag->inner;
    struct markup_attribute a;
    while (markup_next_attribute(&rest, &a))
        judge_attribute(j, tag->name, &a);
}

static bool is_base64(uint8_t c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' || c == '/';
}

static bool has_long_base64(struct span s) {
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        run = is_base64(s.p[i]) ? run + 1 : 0;
        if (run >= BASE64_LONG)
            return true;
    }
    return false;
}

/* Only of pages that have script: words of it that make and save files. */
static void judge_smuggling(struct judge *j, struct span page) {
    static const char *const saves[] = {
        "msSaveOrOpenBlob",   "msSaveBlob", "createObjectURL", "new Blob",  "new File(",
        "showSaveFilePicker", "Uint8Array", "new  Blob",       "webkitURL", "document.execCommand('SaveAs'"};
    static const char *const decodes[] = {"atob",       "fromCharCode", "unescape(", "decodeURIComponent",
                                          "charCodeAt", "CryptoJS",     "eval("};
    for (size_t i = 0; i < SD_COUNT(saves); i++)
        if (span_search(page, span_cstr(saves[i])) < page.n)
            judge_found(j, FINDING_BIT(HTML_SMUGGLING));
    if (!has_long_base64(page))
        return;
    for (size_t i = 0; i < SD_COUNT(decodes); i++)
        if (span_search(page, span_cstr(decodes[i])) < page.n)
            judge_found(j, FINDING_BIT(HTML_SMUGGLING));
}

void page_judge(struct judge *j, struct span content) {
    struct span rest = content;
    struct markup_tag tag;
    unsigned tags = 0;
    while (markup_next(&rest, &tag) && (++tags % 1024 || judge_goes_on(j)))
        judge_tag(j, &tag);
    if (j->findings & FINDING_BIT(ACTIVE_PAGE))
        judge_smuggling(j, content);
}

/* Entities that are made of entities: a few lines become gigabytes. */
static void judge_entities(struct judge *j, struct span xml) {
    unsigned nested = 0, count = 0;
    for (struct span rest = xml; rest.n && ++count < ENTITIES_MAX;) {
        size_t at = span_search(rest, SPAN("<!ENTITY"));
        if (at == rest.n)
            break;
        rest = span_from(rest, at + 8);
        struct span declaration = span_sub(rest, 0, span_find(span_sub(rest, 0, 4096), '>'));
        size_t amp = span_find(declaration, '&');
        nested += amp + 1 < declaration.n && declaration.p[amp + 1] != '#';
        bool outside = span_search(declaration, SPAN("SYSTEM")) < declaration.n ||
                       span_search(declaration, SPAN("PUBLIC")) < declaration.n;
        if (outside)
            judge_found(j, FINDING_BIT(EXTERNAL_TEMPLATE));
    }
    if (nested >= 2 || count == ENTITIES_MAX)
        judge_found(j, FINDING_BIT(LIMIT_SIZE));
}

/* Word and Excel of 2003, and a whole package as one file. */
static void judge_office_xml(struct judge *j, struct span xml) {
    static const struct {
        const char *text;
        uint64_t findings;
    } marks[] = {
        {"macrosPresent=\"yes\"", FINDING_BIT(MACRO)},
        {"editdata.mso", FINDING_BIT(MACRO)},
        {"QWN0aXZlTWltZQ", FINDING_BIT(MACRO)},
        {"vbaProject", FINDING_BIT(MACRO)},
        {"<w:ocx", FINDING_BIT(EMBEDDED_OBJECT)},
        {"oledata.mso", FINDING_BIT(EMBEDDED_OBJECT)},
        {"<o:OLEObject", FINDING_BIT(EMBEDDED_OBJECT)},
        {"/embeddings/", FINDING_BIT(EMBEDDED_OBJECT)},
        {"ddeLink", FINDING_BIT(DDE)},
        {"<WantAdvise", FINDING_BIT(DDE)},
    };
    for (size_t i = 0; i < SD_COUNT(marks); i++)
        if (span_search(xml, span_cstr(marks[i].text)) < xml.n)
            judge_found(j, marks[i].findings);
    if (span_search(xml, SPAN("TargetMode=\"External\"")) < xml.n)
        office_judge_relationships(j, xml);
    office_judge_fields(j, xml);
}

bool xml_is_page(struct span content) {
    static const char *const marks[] = {
        "www.w3.org/1999/xhtml", "www.w3.org/2000/svg", "xml-stylesheet", "www.w3.org/1999/XSL", "<script", "<html"};
    for (size_t i = 0; i < SD_COUNT(marks); i++)
        if (span_search(content, span_cstr(marks[i])) < content.n)
            return true;
    return false;
}

void xml_judge(struct judge *j, struct span content) {
    static const char *const office[] = {"schemas.microsoft.com/office", "schemas-microsoft-com:office",
                                         "schemas.openxmlformats.org", "<?mso-application"};
    struct span head = span_sub(content, 0, 8192);
    judge_entities(j, content);
    for (size_t i = 0; i < SD_COUNT(office); i++)
        if (span_search(head, span_cstr(office[i])) < head.n) {
            judge_office_xml(j, content);
            return;
        }
}
