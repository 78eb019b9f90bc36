/* Archives by libarchive, read from memory; no filter that is another program. */
#include "files/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "files/list.h"
#include "files/name.h"

#define ENTRY_NAME_MAX 4096

static void archive_drop(struct archive **a) {
    if (*a)
        (void)archive_read_free(*a);
    *a = NULL;
}

static void support_streams(struct archive *a) {
    (void)archive_read_support_filter_gzip(a);
    (void)archive_read_support_filter_bzip2(a);
    (void)archive_read_support_filter_xz(a);
    (void)archive_read_support_filter_lzma(a);
    (void)archive_read_support_filter_lzip(a);
    (void)archive_read_support_filter_zstd(a);
    (void)archive_read_support_filter_lz4(a);
    (void)archive_read_support_filter_compress(a);
    (void)archive_read_support_format_raw(a);
}

static void support_archives(struct archive *a) {
    (void)archive_read_support_format_7zip(a);
    (void)archive_read_support_format_rar(a);
    (void)archive_read_support_format_rar5(a);
    (void)archive_read_support_format_tar(a);
    (void)archive_read_support_format_cpio(a);
    (void)archive_read_support_format_ar(a);
    (void)archive_read_support_format_cab(a);
    (void)archive_read_support_format_lha(a);
    (void)archive_read_support_format_iso9660(a);
}

/* through: what is compressed is an archive itself when it holds one (tar.gz), and not a container of one file. */
static struct archive *open_memory(struct span bytes, enum format format, bool through) {
    struct archive *a = archive_read_new();
    if (!a)
        return NULL;
    if (format == FORMAT_COMPRESSED) {
        support_streams(a);
        if (through)
            support_archives(a);
    }
    if (format == FORMAT_ZIP)
        (void)archive_read_support_format_zip_streamable(a);
    else if (format != FORMAT_COMPRESSED)
        support_archives(a);
    if (archive_read_open_memory(a, bytes.p, bytes.n) != ARCHIVE_OK)
        archive_drop(&a);
    return a;
}

static bool is_drive(struct span path) {
    return path.n >= 2 && path.p[1] == ':' && ((path.p[0] | 0x20) >= 'a' && (path.p[0] | 0x20) <= 'z');
}

uint64_t archive_judge_path(struct span path) {
    if (!path.n)
        return 0;
    bool outside = path.p[0] == '/' || path.p[0] == '\\' || is_drive(path);
    size_t start = 0;
    for (size_t i = 0; i <= path.n; i++)
        if (i == path.n || path.p[i] == '/' || path.p[i] == '\\') {
            outside = outside || span_eq(span_sub(path, start, i - start), SPAN(".."));
            start = i + 1;
        }
    return outside ? FINDING_BIT(ARCHIVE_PATH) : 0;
}

/* The name in the best form there is. */
static struct span entry_name(struct archive_entry *entry) {
    const char *name = archive_entry_pathname_utf8(entry);
    if (!name)
        name = archive_entry_pathname(entry);
    return span_sub(span_cstr(name), 0, ENTRY_NAME_MAX);
}

/* What one stream unpacks to is called as its container without the last extension. */
static struct span stem_of(struct span name) {
    struct span extension = name_extension(name);
    if (span_ieq(extension, SPAN("tgz")) || span_ieq(extension, SPAN("svgz")))
        return SPAN_NONE;
    return extension.n ? span_sub(name, 0, (size_t)(extension.p - name.p) - 1) : name;
}

static bool is_encrypted_error(struct archive *a) {
    const char *text = archive_error_string(a);
    return text && (strstr(text, "ncrypt") || strstr(text, "assphrase"));
}

/* Reads an entry to its end. False: it has none. */
static bool read_content(struct unpacking *u, struct archive *a, struct buf *to) {
    const void *block;
    size_t n;
    la_int64_t offset;
    int status;
    while ((status = archive_read_data_block(a, &block, &n, &offset)) == ARCHIVE_OK) {
        if (offset > 0 && (uint64_t)offset > to->n) { /* a hole of a sparse file */
            uint64_t hole = (uint64_t)offset - to->n;
            if (!unpacking_grew(u, hole))
                return true;
            buf_fill(to, 0, (size_t)hole);
        }
        if (!unpacking_grew(u, n))
            return true;
        buf_put(to, span_of(block, n));
        if (buf_err(to) != SD_OK)
            break;
    }
    unpacking_failed(u, to);
    if (status < ARCHIVE_OK && is_encrypted_error(a)) {
        judge_found(u->judge, FINDING_BIT(ENCRYPTED_ENTRY));
        return true;
    }
    return status == ARCHIVE_EOF;
}

bool archive_unpack_zip(struct unpacking *u, struct span entry, struct buf *to, struct span *ret) {
    struct archive *a SD_CLEANUP(archive_drop) = open_memory(entry, FORMAT_ZIP, false);
    struct archive_entry *e;
    if (!a || archive_read_next_header(a, &e) < ARCHIVE_WARN)
        return false;
    bool whole = read_content(u, a, to);
    *ret = buf_span(to);
    return whole;
}

static void judge_kind(struct judge *j, struct archive_entry *e) {
    mode_t type = archive_entry_filetype(e);
    const char *target = archive_entry_hardlink(e);
    bool special = target || archive_entry_symlink(e) || (type != AE_IFREG && type != AE_IFDIR && type != 0);
    if (special)
        judge_found(j, FINDING_BIT(ARCHIVE_SPECIAL));
}

static void judge_entry_of(struct unpacking *u, struct archive *a, struct archive_entry *e, struct span name) {
    struct judge *j = u->judge;
    struct buf content SD_CLEANUP(buf_free) = buf_new((size_t)unpacking_room(u) + ARCHIVE_SLACK);
    judge_found(j, archive_judge_path(name));
    judge_kind(j, e);
    if (archive_entry_is_encrypted(e)) {
        judge_found(j, FINDING_BIT(ENCRYPTED_ENTRY) | files_judge_name(name));
        return;
    }
    if (archive_entry_filetype(e) != AE_IFREG && archive_entry_filetype(e) != 0)
        return;
    if (!read_content(u, a, &content))
        judge_found(j, FINDING_BIT(DAMAGED));
    judge_content(j, name, buf_span(&content));
}

static void judge_end(struct judge *j, struct archive *a, int status, uint64_t entries) {
    if (status == ARCHIVE_EOF && entries)
        return;
    if (is_encrypted_error(a) || archive_read_has_encrypted_entries(a) > 0)
        judge_found(j, entries ? FINDING_BIT(ENCRYPTED_ENTRY) : FINDING_BIT(ENCRYPTED_FILE));
    else if (status != ARCHIVE_EOF)
        judge_found(j, FINDING_BIT(DAMAGED));
}

void archive_judge(struct judge *j, const struct files_subject *s, enum format format) {
    struct archive *a SD_CLEANUP(archive_drop) = open_memory(s->content, format, false);
    struct unpacking u = {.judge = j, .packed = s->content.n};
    struct archive_entry *e;
    uint64_t entries = 0;
    int status = ARCHIVE_FATAL;
    if (!a) {
        judge_found(j, FINDING_BIT(DAMAGED));
        return;
    }
    while (judge_goes_on(j) && (status = archive_read_next_header(a, &e)) >= ARCHIVE_WARN && status != ARCHIVE_EOF) {
        if (!judge_entry(j))
            return;
        entries++;
        judge_entry_of(&u, a, e, format == FORMAT_COMPRESSED ? stem_of(s->name) : entry_name(e));
    }
    if (judge_goes_on(j))
        judge_end(j, a, status, entries);
}

static void list_entry(struct buf *to, struct archive_entry *e) {
    time_t when = archive_entry_mtime(e);
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    (void)gmtime_r(&when, &tm);
    int year = tm.tm_year + 1900;
    list_line(to, archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0, year > 0 && year < 9999 ? year : 1970,
              tm.tm_mon + 1, tm.tm_mday, entry_name(e));
}

enum sd_err archive_list(struct files_budget *budget, struct span bytes, struct buf *to) {
    struct archive *a SD_CLEANUP(archive_drop) = open_memory(bytes, format_of(bytes), true);
    struct archive_entry *e;
    int status = ARCHIVE_FATAL;
    while (a && (status = archive_read_next_header(a, &e)) >= ARCHIVE_WARN && status != ARCHIVE_EOF) {
        if (budget->entries_left == 0 || deadline_passed(budget->deadline))
            return SD_ERR_LIMIT;
        budget->entries_left--;
        list_entry(to, e);
    }
    if (status != ARCHIVE_EOF)
        return SD_ERR_PARSE;
    return buf_err(to);
}
