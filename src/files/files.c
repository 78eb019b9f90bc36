/* The database, and the judgement of one file: its name, what it is against what it says it is, then what it holds. */
#include "files/files.h"

#include <iconv.h>
#include <stdlib.h>

#include "core/log.h"
#include "files/database.h"
#include "files/judge.h"
#include "files/name.h"
#include "files/narrow.h"
#include "mail/mail.h"

#define NAME_ARENA_BYTES ((size_t)64 * 1024)

struct files_budget files_budget_default(void) {
    return (struct files_budget){
        .entries_left = 10000,
        .depth = 16,
        .bytes_left = (uint64_t)256 * 1024 * 1024,
        .ratio = 500,
        .deadline = deadline_in_ms(10000),
    };
}

/* The C library reads a list of its conversions at the first use: here, where files can still be read. */
static void warm_conversions(void) {
    static const char *const charsets[] = {"UTF-16LE", "UTF-16BE", "CP437", "CP932"};
    for (size_t i = 0; i < SD_COUNT(charsets); i++) {
        iconv_t conversion = iconv_open("UTF-8", charsets[i]);
        if (conversion != (iconv_t)-1)
            (void)iconv_close(conversion);
    }
}

enum sd_err files_new(struct files **ret) {
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return SD_ERR_NOMEM;
    files->magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_CDF |
                              MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_JSON |
                              MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_TEXT);
    if (!files->magic || magic_load(files->magic, NULL) != 0) {
        log_error("files.magic", "libmagic's database cannot be read: install libmagic1");
        files_free(&files);
        return SD_ERR_CONFIG;
    }
    files->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    warm_conversions();
    *ret = files;
    return SD_OK;
}

void files_free(struct files **files) {
    if (!*files)
        return;
    if ((*files)->magic)
        magic_close((*files)->magic);
    if ((*files)->utf8)
        freelocale((*files)->utf8);
    free(*files);
    *files = NULL;
}

void judge_found(struct judge *j, uint64_t findings) {
    if (j->depth > 0 && findings & FINDING_BIT(ENCRYPTED_FILE))
        findings = (findings & ~FINDING_BIT(ENCRYPTED_FILE)) | FINDING_BIT(ENCRYPTED_ENTRY);
    j->findings |= findings;
}

void judge_fail(struct judge *j, enum sd_err err) {
    if (!j->err)
        j->err = err;
}

#define FINDINGS_SPENT (FINDING_BIT(LIMIT_ENTRIES) | FINDING_BIT(LIMIT_SIZE) | FINDING_BIT(LIMIT_TIME))

bool judge_goes_on(struct judge *j) {
    if (deadline_passed(j->budget->deadline))
        judge_found(j, FINDING_BIT(LIMIT_TIME));
    return !j->err && !(j->findings & FINDINGS_SPENT);
}

bool judge_entry(struct judge *j) {
    if (j->budget->entries_left == 0)
        judge_found(j, FINDING_BIT(LIMIT_ENTRIES));
    else
        j->budget->entries_left--;
    return judge_goes_on(j);
}

bool judge_unpacked(struct judge *j, uint64_t bytes) {
    if (bytes > j->budget->bytes_left) {
        j->budget->bytes_left = 0;
        judge_found(j, FINDING_BIT(LIMIT_SIZE));
        return false;
    }
    j->budget->bytes_left -= bytes;
    return true;
}

/* What the name and the declared type say that this is; the more telling of two. */
struct said {
    enum promise name, other, type;
};

static bool says(const struct said *said, enum promise promise) {
    return said->name == promise || said->other == promise || said->type == promise;
}

/* A name within a name: encoded words and percent signs, which some programs decode where they do not belong. */
static void judge_hidden_name(struct judge *j, struct span name) {
    if (span_search(name, SPAN("=?")) == name.n && span_find(name, '%') == name.n)
        return;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(NAME_ARENA_BYTES);
    struct buf plain SD_CLEANUP(buf_free) = buf_new(NAME_ARENA_BYTES);
    struct span decoded = arena ? mail_decode_text(span_sub(name, 0, NAME_ARENA_BYTES / 4), arena) : SPAN_NONE;
    for (size_t i = 0; i < decoded.n; i++) {
        char hex[3] = {0};
        if (decoded.p[i] == '%' && i + 2 < decoded.n) {
            memcpy(hex, decoded.p + i + 1, 2);
            char *end;
            long byte = strtol(hex, &end, 16);
            if (end == hex + 2 && byte > 0) {
                buf_byte(&plain, (uint8_t)byte);
                i += 2;
                continue;
            }
        }
        buf_byte(&plain, decoded.p[i]);
    }
    uint64_t found = span_eq(buf_span(&plain), name) ? 0 : files_judge_name(buf_span(&plain));
    if (found)
        judge_found(j, found | FINDING_BIT(NAME_SEVERAL));
}

static void judge_names(struct judge *j, const struct files_subject *s) {
    struct span name = s->name, other = s->other_name;
    judge_found(j, files_judge_name(name) | files_judge_name(other));
    judge_hidden_name(j, name);
    judge_hidden_name(j, other);
    if (other.n && !span_ieq(name_extension(name), name_extension(other)))
        judge_found(j, FINDING_BIT(NAME_SEVERAL));
}

/* Whoever trusts the name would open something else. Text of any kind deceives nobody; documents stand for each other. */
static bool deceives(enum promise promise, enum format format) {
    enum format_class class = format_class(format);
    bool acts = class == FORMAT_CLASS_PROGRAM || class == FORMAT_CLASS_SHORTCUT || class == FORMAT_CLASS_DISK ||
                class == FORMAT_CLASS_INSTALLER || class == FORMAT_CLASS_ONENOTE || class == FORMAT_CLASS_HELP ||
                format == FORMAT_DATABASE || format == FORMAT_FLASH;
    bool shell = format == FORMAT_SCRIPT || format == FORMAT_OLD_ARCHIVE;
    switch (promise) {
    case PROMISE_PICTURE:
    case PROMISE_MEDIA:
        return acts || shell || class == FORMAT_CLASS_PAGE || class == FORMAT_CLASS_DOCUMENT || class == FORMAT_CLASS_ARCHIVE;
    case PROMISE_PDF:
        return acts || shell || class == FORMAT_CLASS_PAGE || class == FORMAT_CLASS_ARCHIVE || format == FORMAT_UNKNOWN ||
               (class == FORMAT_CLASS_DOCUMENT && format != FORMAT_PDF);
    case PROMISE_OFFICE:
        return acts || shell || class == FORMAT_CLASS_ARCHIVE;
    case PROMISE_TEXT:
    case PROMISE_TABLE:
    case PROMISE_PAGE:
    case PROMISE_MAIL:
        return acts;
    case PROMISE_ARCHIVE:
        return acts && class != FORMAT_CLASS_INSTALLER && class != FORMAT_CLASS_DISK;
    default:
        return false;
    }
}

/* A document of Office is an archive by its bytes: zip_judge() tells when it is none. A picture that has a vector's name, or a
 * declared type beside a name that tells more, is no deception. */
static void judge_mismatch(struct judge *j, const struct said *said, enum format format) {
    bool zip = format == FORMAT_ZIP;
    const enum promise promises[] = {said->name, said->other, said->type};
    for (size_t i = 0; i < SD_COUNT(promises); i++)
        if (deceives(promises[i], format) && !(zip && promises[i] == PROMISE_OFFICE))
            judge_found(j, FINDING_BIT(TYPE_MISMATCH));
    if (said->name == PROMISE_ARCHIVE && format_class(format) == FORMAT_CLASS_UNKNOWN && format != FORMAT_EMPTY)
        judge_found(j, FINDING_BIT(DAMAGED));
}

static void judge_text(struct judge *j, const struct said *said, enum format format, struct span content) {
    bool page = format_class(format) == FORMAT_CLASS_PAGE;
    bool plain = says(said, PROMISE_TEXT) && !says(said, PROMISE_PAGE);
    bool part = j->in_office && format != FORMAT_HTML; /* no browser shows it */
    bool dull = format == FORMAT_XML && !xml_is_page(content);
    if (!part && !dull && (says(said, PROMISE_PAGE) || (page && !plain)))
        page_judge(j, content);
    if (!part && (format == FORMAT_XML || says(said, PROMISE_PAGE) || (page && !plain)))
        xml_judge(j, content);
    if (format == FORMAT_SYLK)
        sheet_judge_sylk(j, content);
    if (says(said, PROMISE_TABLE) || (says(said, PROMISE_OFFICE) && format == FORMAT_TEXT))
        sheet_judge_csv(j, content);
    uu_judge(j, content);
}

static bool is_textual(enum format format) {
    switch (format) {
    case FORMAT_TEXT:
    case FORMAT_HTML:
    case FORMAT_SVG:
    case FORMAT_XML:
    case FORMAT_SYLK:
    case FORMAT_MAIL:
    case FORMAT_UNKNOWN:
        return true;
    default:
        return false;
    }
}

static void judge_by_format(struct judge *j, const struct files_subject *s, enum format format) {
    switch (format) {
    case FORMAT_ZIP:
        zip_judge(j, s);
        break;
    case FORMAT_ARCHIVE:
    case FORMAT_COMPRESSED:
    case FORMAT_ISO:
        archive_judge(j, s, format);
        break;
    case FORMAT_OLD_ARCHIVE:
        judge_found(j, FINDING_BIT(DAMAGED));
        break;
    case FORMAT_CFB:
        ole_judge(j, s->content);
        break;
    case FORMAT_PDF:
        pdf_judge(j, s->content);
        break;
    case FORMAT_RTF:
        rtf_judge(j, s->content);
        break;
    case FORMAT_BIFF:
        biff_judge(j, s->content);
        break;
    case FORMAT_ACTIVE_MIME:
        active_mime_judge(j, s->content);
        break;
    case FORMAT_MAIL:
        letter_judge(j, s->content);
        break;
    case FORMAT_TNEF:
        tnef_judge(j, s->content);
        break;
    case FORMAT_CMS:
        cms_judge(j, s->content);
        break;
    default:
        break;
    }
}

/* A script's first line in a file that its name makes text is only text: no double click runs it. */
static uint64_t finding_of(const struct said *said, enum format format) {
    if (format == FORMAT_SCRIPT &&
        (said->name == PROMISE_TEXT || (said->name == PROMISE_NOTHING && said->type == PROMISE_TEXT)))
        return 0;
    return format_finding(format_class(format));
}

static void judge_subject(struct judge *j, const struct files_subject *s) {
    struct buf narrow SD_CLEANUP(buf_free) = buf_new(s->content.n + 1);
    struct said said = {name_promise(s->name), name_promise(s->other_name), type_promise(s->type)};
    enum format format = format_of(s->content);
    struct span text = s->content;
    judge_names(j, s);
    if (is_textual(format) && format_looks_like_text(s->content) && memchr(s->content.p, 0, s->content.n)) {
        text = narrowed(s->content, &narrow);
        if (buf_err(&narrow) != SD_OK)
            judge_fail(j, buf_err(&narrow));
        format = format_of_text(text);
    }
    if (format == FORMAT_UNKNOWN && !j->in_office) /* Office's own parts: libmagic knows none of them */
        format = format_by_magic(j->files, s->content);
    judge_found(j, finding_of(&said, format));
    judge_mismatch(j, &said, format);
    if (format == FORMAT_TEXT && span_eq(s->type, SPAN("message/rfc822")))
        format = FORMAT_MAIL;
    judge_by_format(j, s, format);
    if (is_textual(format) || says(&said, PROMISE_PAGE) || says(&said, PROMISE_TABLE))
        judge_text(j, &said, format, text);
    polyglot_judge(j, format, s->content);
}

void judge_file(struct judge *j, const struct files_subject *subject) {
    if (!judge_goes_on(j))
        return;
    if (j->depth >= j->budget->depth || j->depth >= JUDGE_DEPTH_MAX) {
        judge_found(j, FINDING_BIT(LIMIT_DEPTH));
        return;
    }
    j->depth++;
    judge_subject(j, subject);
    j->depth--;
}

void judge_content(struct judge *j, struct span name, struct span content) {
    judge_file(j, &(struct files_subject){.content = content, .name = name});
}

enum sd_err files_judge(struct files *files, struct files_budget *budget, const struct files_subject *subject,
                        uint64_t *ret_findings) {
    struct judge j = {.files = files, .budget = budget};
    if (budget->entries_left == 0)
        judge_found(&j, FINDING_BIT(LIMIT_ENTRIES));
    if (budget->bytes_left == 0)
        judge_found(&j, FINDING_BIT(LIMIT_SIZE));
    locale_t before = files->utf8 ? uselocale(files->utf8) : (locale_t)0;
    if (judge_goes_on(&j))
        judge_subject(&j, subject);
    else
        judge_names(&j, subject);
    if (before)
        (void)uselocale(before);
    if (j.err)
        return j.err;
    *ret_findings = j.findings;
    return SD_OK;
}

enum file_kind files_kind(struct files *files, struct span content) {
    enum format format = format_of(content);
    if (format == FORMAT_UNKNOWN)
        format = format_by_magic(files, content);
    switch (format) {
    case FORMAT_TEXT:
    case FORMAT_XML:
    case FORMAT_EMPTY:
        return FILE_KIND_TEXT;
    case FORMAT_HTML:
    case FORMAT_SVG:
        return FILE_KIND_HTML;
    case FORMAT_MAIL:
        return FILE_KIND_MAIL;
    case FORMAT_PDF:
        return FILE_KIND_PDF;
    case FORMAT_PICTURE:
    case FORMAT_PNG:
    case FORMAT_JPEG:
    case FORMAT_GIF:
        return FILE_KIND_PICTURE;
    case FORMAT_CFB:
    case FORMAT_RTF:
    case FORMAT_BIFF:
    case FORMAT_SYLK:
        return FILE_KIND_DOCUMENT;
    case FORMAT_ZIP:
        return zip_is_document(content) ? FILE_KIND_DOCUMENT : FILE_KIND_ARCHIVE;
    case FORMAT_ARCHIVE:
    case FORMAT_COMPRESSED:
    case FORMAT_ISO:
        return FILE_KIND_ARCHIVE;
    default:
        return FILE_KIND_UNKNOWN;
    }
}
