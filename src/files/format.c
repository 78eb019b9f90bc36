/* What bytes are. Signatures first: they are exact and cost nothing; libmagic only for what is left. */
#include <magic.h>
#include <stdio.h>
#include <string.h>

#include "files/database.h"
#include "files/format.h"

#define TEXT_SAMPLE_BYTES 4096
#define MAGIC_SAMPLE_BYTES ((size_t)64 * 1024) /* libmagic's rules look at the beginning */
#define PDF_MAGIC_WITHIN 1024                  /* readers look for %PDF- so far */
#define TAR_BLOCK 512
#define ISO_AT 32768
#define ISO_SECTOR 2048
#define ISO_DESCRIPTORS 16

static const enum format_class classes[] = {
#define X(name, class) [FORMAT_##name] = FORMAT_CLASS_##class,
    FORMAT_LIST(X)
#undef X
};

static const uint64_t class_findings[] = {
#define X(name, finding) [FORMAT_CLASS_##name] = (finding),
    FORMAT_CLASS_LIST(X)
#undef X
};

enum format_class format_class(enum format format) {
    return classes[format];
}

uint64_t format_finding(enum format_class class) {
    return class_findings[class];
}

struct signature {
    size_t at;
    struct span bytes;
    enum format format;
};
#define SIGNATURE(at, literal, format)                                                                                         \
    { at, {(const uint8_t *)("" literal), sizeof(literal) - 1}, FORMAT_##format }

/* The most specific first. */
static const struct signature signatures[] = {
    SIGNATURE(0, "\xff\xd8\xff", JPEG),
    SIGNATURE(0, "\x89PNG\r\n\x1a\n", PNG),
    SIGNATURE(0, "GIF87a", GIF),
    SIGNATURE(0, "GIF89a", GIF),
    SIGNATURE(0, "%PDF-", PDF),
    SIGNATURE(0, "PK\x03\x04", ZIP),
    SIGNATURE(0, "PK\x05\x06", ZIP),
    SIGNATURE(0, "PK\x07\x08PK\x03\x04", ZIP),
    SIGNATURE(0, "PK00PK\x03\x04", ZIP),
    SIGNATURE(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", CFB),
    SIGNATURE(0, "{\\rt", RTF),
    SIGNATURE(8, "WEBPVP8", PICTURE),
    SIGNATURE(0, "II*\0", PICTURE),
    SIGNATURE(0, "MM\0*", PICTURE),
    SIGNATURE(0, "\0\0\x01\0", OTHER_PICTURE),
    SIGNATURE(0, "8BPS", OTHER_PICTURE),
    SIGNATURE(0, "\xd7\xcd\xc6\x9a", OTHER_PICTURE),
    SIGNATURE(40, " EMF", OTHER_PICTURE),
    SIGNATURE(4, "ftypheic", OTHER_PICTURE),
    SIGNATURE(4, "ftypavif", OTHER_PICTURE),
    SIGNATURE(4, "ftypmif1", OTHER_PICTURE),
    SIGNATURE(4, "ftyp", MEDIA),
    SIGNATURE(0, "ID3", MEDIA),
    SIGNATURE(0, "OggS", MEDIA),
    SIGNATURE(0, "fLaC", MEDIA),
    SIGNATURE(0, "\x1a\x45\xdf\xa3", MEDIA),
    SIGNATURE(8, "WAVEfmt ", MEDIA),
    SIGNATURE(8, "AVI LIST", MEDIA),
    SIGNATURE(0, "#!AMR", MEDIA),
    SIGNATURE(0, "7z\xbc\xaf\x27\x1c", ARCHIVE),
    SIGNATURE(0, "Rar!\x1a\x07", ARCHIVE),
    SIGNATURE(0, "RE~^", OLD_ARCHIVE),
    SIGNATURE(0, "MSCF\0\0\0\0", ARCHIVE),
    SIGNATURE(0, "!<arch>\n", ARCHIVE),
    SIGNATURE(0, "070701", ARCHIVE),
    SIGNATURE(0, "070702", ARCHIVE),
    SIGNATURE(0, "070707", ARCHIVE),
    SIGNATURE(0, "\xc7\x71", ARCHIVE),
    SIGNATURE(0, "\x71\xc7", ARCHIVE),
    SIGNATURE(2, "-lh", ARCHIVE),
    SIGNATURE(2, "-lz", ARCHIVE),
    SIGNATURE(2, "-pm", ARCHIVE),
    SIGNATURE(257, "ustar", ARCHIVE),
    SIGNATURE(0, "\x1f\x8b", COMPRESSED),
    SIGNATURE(0, "BZh", COMPRESSED),
    SIGNATURE(0,
              "\xfd"
              "7zXZ\0",
              COMPRESSED),
    SIGNATURE(0, "\x28\xb5\x2f\xfd", COMPRESSED),
    SIGNATURE(0, "\x04\x22\x4d\x18", COMPRESSED),
    SIGNATURE(0, "\x02\x21\x4c\x18", COMPRESSED),
    SIGNATURE(0, "LZIP", COMPRESSED),
    SIGNATURE(0, "\x1f\x9d", COMPRESSED),
    SIGNATURE(0, "\x5d\0\0\x80\0", COMPRESSED),
    SIGNATURE(0, "\x5d\0\0\0\x04", COMPRESSED),
    SIGNATURE(0, "\x1f\xa0", OLD_ARCHIVE),
    SIGNATURE(0, "\x89LZO\0\r\n\x1a\n", OLD_ARCHIVE),
    SIGNATURE(0, "LRZI", OLD_ARCHIVE),
    SIGNATURE(0, "\x60\xea", OLD_ARCHIVE),
    SIGNATURE(7, "**ACE**", OLD_ARCHIVE),
    SIGNATURE(20, "\xdc\xa7\xc4\xfd", OLD_ARCHIVE),
    SIGNATURE(0, "ISc(", OLD_ARCHIVE),
    SIGNATURE(0, "SZDD\x88\xf0\x27\x33", OLD_ARCHIVE),
    SIGNATURE(0, "KWAJ\x88\xf0\x27\xd1", OLD_ARCHIVE),
    SIGNATURE(0, "StuffIt ", OLD_ARCHIVE),
    SIGNATURE(0, "SIT!", OLD_ARCHIVE),
    SIGNATURE(0, "egg\0", OLD_ARCHIVE),
    SIGNATURE(0, "ALZ\x01", OLD_ARCHIVE),
    SIGNATURE(0, "xar!", INSTALLER),
    SIGNATURE(0, "\xed\xab\xee\xdb", INSTALLER),
    SIGNATURE(0, "Cr24", INSTALLER),
    SIGNATURE(4, "\x12\x3a\0\x10", INSTALLER),
    SIGNATURE(8, "\x19\x04\0\x10", INSTALLER),
    SIGNATURE(0, "\x7a\x1a\x20\x10", INSTALLER),
    SIGNATURE(0,
              "\x7f"
              "ELF",
              PROGRAM),
    SIGNATURE(0, "\xfe\xed\xfa\xce", PROGRAM),
    SIGNATURE(0, "\xfe\xed\xfa\xcf", PROGRAM),
    SIGNATURE(0, "\xce\xfa\xed\xfe", PROGRAM),
    SIGNATURE(0, "\xcf\xfa\xed\xfe", PROGRAM),
    SIGNATURE(0, "\xca\xfe\xba\xbe", PROGRAM), /* Mach-O for several machines, and Java's classes */
    SIGNATURE(0, "\xca\xfe\xd0\x0d", PROGRAM),
    SIGNATURE(0, "dex\n03", PROGRAM),
    SIGNATURE(0, "\0asm\x01\0\0\0", PROGRAM),
    SIGNATURE(0, "X5O!P%@AP", PROGRAM), /* EICAR's test file is a DOS program */
    SIGNATURE(0, "\x4c\0\0\0\x01\x14\x02\0", SHORTCUT),
    SIGNATURE(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", ONENOTE),
    SIGNATURE(0, "\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", ONENOTE),
    SIGNATURE(0, "ITSF\x03\0\0\0", HELP),
    SIGNATURE(0, "\x3f\x5f\x03\0", HELP),
    SIGNATURE(0, "conectix", DISK),
    SIGNATURE(0, "vhdxfile", DISK),
    SIGNATURE(0, "KDMV\x01\0\0\0", DISK),
    SIGNATURE(0, "KDMV\x03\0\0\0", DISK),
    SIGNATURE(0, "QFI\xfb", DISK),
    SIGNATURE(64, "\x7f\x10\xda\xbe", DISK),
    SIGNATURE(0, "MSWIM\0\0\0", DISK),
    SIGNATURE(0, "\0\x01\0\0Standard Jet DB", DATABASE),
    SIGNATURE(0, "\0\x01\0\0Standard ACE DB", DATABASE),
    SIGNATURE(0, "FWS", FLASH),
    SIGNATURE(0, "CWS", FLASH),
    SIGNATURE(0, "ZWS", FLASH),
    SIGNATURE(0, "\x78\x9f\x3e\x22", TNEF),
    SIGNATURE(0, "ActiveMime", ACTIVE_MIME),
    SIGNATURE(0, "\x09\x08\x10\0\0\x06", BIFF),
    SIGNATURE(0, "\x09\x08\x08\0\0\x05", BIFF),
    SIGNATURE(0, "\x09\x04\x06\0\0\x04", BIFF),
    SIGNATURE(0, "\x09\x02\x06\0\0\x02", BIFF),
    SIGNATURE(0, "ID;P", SYLK),
    SIGNATURE(0, "RIFF", MEDIA),
};

static bool has(struct span content, size_t at, struct span bytes) {
    return span_eq(span_sub(content, at, bytes.n), bytes);
}

static uint16_t u16_at(struct span s, size_t at) {
    struct reader r = reader_of(span_from(s, at));
    return read_u16(&r);
}

static uint32_t u32_at(struct span s, size_t at) {
    struct reader r = reader_of(span_from(s, at));
    return read_u32(&r);
}

static bool is_word(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* "MZ" begins words too: a program has a header behind it, or bytes that no text has. */
static bool is_mz(struct span c) {
    if (!has(c, 0, SPAN("MZ")) && !has(c, 0, SPAN("ZM")))
        return false;
    return c.n < 64 ? !format_looks_like_text(c) || c.n <= 16
                    : has(c, u32_at(c, 60), SPAN("PE\0\0")) || !format_looks_like_text(c);
}

/* Short signatures that text and other data may begin with by chance. */
static bool is_plausible(const struct signature *s, struct span c) {
    if (s->format == FORMAT_FLASH)
        return c.n > 8 && c.p[3] > 0 && c.p[3] < 64;
    if (s->format == FORMAT_COMPRESSED && c.p[0] == 'B')
        return c.n > 10 && c.p[3] >= '1' && c.p[3] <= '9' && (c.p[4] == 0x31 || c.p[4] == 0x17);
    if (s->format == FORMAT_COMPRESSED && c.p[1] == 0x8b)
        return c.n > 3 && c.p[2] == 8;
    if (s->format == FORMAT_ARCHIVE && s->at == 2)
        return c.n > 21 && c.p[6] == '-';
    if (s->format == FORMAT_ARCHIVE && s->bytes.n == 6 && s->bytes.p[0] == '0')
        return c.n > 76;
    if (s->format == FORMAT_ARCHIVE && s->bytes.n == 2)
        return c.n > 26 && u16_at(c, 20) < 4096;
    if (s->format == FORMAT_OLD_ARCHIVE && s->bytes.n == 2 && s->bytes.p[0] == 0x60)
        return c.n > 10 && u16_at(c, 2) > 0 && u16_at(c, 2) <= 2600;
    if (s->format == FORMAT_OTHER_PICTURE && s->bytes.n == 4 && s->bytes.p[0] == 0)
        return c.n > 22 && u16_at(c, 4) > 0 && u16_at(c, 4) < 256;
    return true;
}

static enum format by_signature(struct span content) {
    if (is_mz(content))
        return FORMAT_MZ;
    for (size_t i = 0; i < SD_COUNT(signatures); i++)
        if (has(content, signatures[i].at, signatures[i].bytes) && is_plausible(&signatures[i], content))
            return signatures[i].format;
    return FORMAT_UNKNOWN;
}

/* Tar before POSIX has no signature but its checksum. */
static bool is_old_tar(struct span c) {
    uint32_t sum = 0, written = 0;
    if (c.n < TAR_BLOCK || c.p[0] == 0)
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : c.p[i];
    size_t i = 148;
    while (i < 156 && c.p[i] == ' ')
        i++;
    for (; i < 156 && c.p[i] >= '0' && c.p[i] <= '7'; i++)
        written = written * 8 + (c.p[i] - '0');
    return written == sum && sum > 0;
}

static bool is_iso(struct span c) {
    for (size_t i = 0, at = ISO_AT + 1; i < ISO_DESCRIPTORS; i++, at += ISO_SECTOR)
        if (has(c, at, SPAN("CD001")) || has(c, at, SPAN("BEA01")) || has(c, at, SPAN("NSR0")))
            return true;
    return false;
}

/* A boot sector: of a FAT, NTFS or exFAT volume, or of a partitioned disk. */
static bool is_disk(struct span c) {
    if (c.n < TAR_BLOCK)
        return false;
    if (has(c, c.n - TAR_BLOCK, SPAN("conectix")) || has(c, c.n - TAR_BLOCK, SPAN("koly")) || has(c, 512, SPAN("EFI PART")) ||
        has(c, 1080, SPAN("\x53\xef")) || has(c, 0, SPAN("<<< Oracle VM VirtualBox")))
        return !format_looks_like_text(c);
    if (!has(c, 510, SPAN("\x55\xaa")))
        return false;
    bool jump = (c.p[0] == 0xeb && c.p[2] == 0x90) || c.p[0] == 0xe9;
    bool volume = has(c, 3, SPAN("NTFS    ")) || has(c, 3, SPAN("EXFAT   ")) || has(c, 54, SPAN("FAT")) ||
                  has(c, 82, SPAN("FAT32"));
    return volume || jump || (c.n > 64 * TAR_BLOCK && (c.p[446] & 0x7f) == 0 && c.p[450] != 0);
}

/* PKCS #7 (RFC 5652): SEQUENCE { OID 1.2.840.113549.1.7.x */
static bool is_cms(struct span c) {
    static const char oid[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    struct span head = span_sub(c, 0, 32);
    return c.n > 16 && c.p[0] == 0x30 && span_search(head, span_of(oid, sizeof oid - 1)) < 8;
}

/* An OpenPGP packet (RFC 4880 §4.3) with which encrypted messages begin: a session key, or encrypted data. */
static bool is_pgp_ciphertext(struct span c) {
    if (c.n < 32 || !(c.p[0] & 0x80))
        return false;
    unsigned tag = c.p[0] & 0x40 ? c.p[0] & 0x3f : c.p[0] >> 2 & 0x0f;
    size_t body = c.p[0] & 0x40 ? 2U + (c.p[1] >= 192 && c.p[1] < 224 ? 1U : 0) + (c.p[1] == 255 ? 4U : 0) : 2U + (c.p[0] & 3U);
    if (tag == 1)
        return c.p[body] == 3 && (c.p[body + 9] == 1 || c.p[body + 9] == 16 || c.p[body + 9] == 18);
    return tag == 3 && c.p[body] == 4 && c.p[body + 1] >= 1 && c.p[body + 1] <= 13;
}

static bool is_pdf_within(struct span c) {
    struct span head = span_sub(c, 0, PDF_MAGIC_WITHIN);
    return span_search(head, SPAN("%PDF-")) < head.n && span_search(c, SPAN("endobj")) < c.n;
}

static bool is_mpeg_audio(struct span c) {
    return c.n > 4 && c.p[0] == 0xff && (c.p[1] & 0xe6) == 0xe2 && (c.p[2] & 0xf0) != 0xf0 && (c.p[2] & 0x0c) != 0x0c;
}

static bool is_bmp(struct span c) {
    return has(c, 0, SPAN("BM")) && c.n > 26 && u32_at(c, 14) >= 12 && u32_at(c, 14) <= 124 && u32_at(c, 6) == 0;
}

enum format format_of(struct span content) {
    if (!content.n)
        return FORMAT_EMPTY;
    enum format format = by_signature(content);
    if (format != FORMAT_UNKNOWN)
        return format;
    if (is_iso(content))
        return FORMAT_ISO;
    if (is_bmp(content))
        return FORMAT_PICTURE;
    if (is_disk(content))
        return FORMAT_DISK;
    if (is_old_tar(content))
        return FORMAT_ARCHIVE;
    if (is_cms(content))
        return FORMAT_CMS;
    if (format_looks_like_text(content))
        return format_of_text(content);
    if (is_pdf_within(content))
        return FORMAT_PDF;
    if (is_pgp_ciphertext(content))
        return FORMAT_CIPHERTEXT;
    return is_mpeg_audio(content) ? FORMAT_MEDIA : FORMAT_UNKNOWN;
}

/* Control characters that text has none of; the zero is counted apart. */
#define TEXT_CONTROLS ((1U << '\n') | (1U << '\r') | (1U << '\t') | (1U << '\f') | (1U << 0x1b) | 1U)

bool format_looks_like_text(struct span content) {
    struct span head = span_sub(content, 0, TEXT_SAMPLE_BYTES);
    if (has(head, 0, SPAN("\xff\xfe")) || has(head, 0, SPAN("\xfe\xff")))
        return true;
    size_t odd = 0, zero = 0;
    for (size_t i = 0; i < head.n; i++) {
        uint8_t c = head.p[i];
        if (c >= 0x20)
            continue;
        zero += c == 0;
        odd += !(TEXT_CONTROLS >> c & 1);
    }
    bool wide = zero > head.n / 3 && zero <= head.n / 2 + 1; /* UTF-16 of Latin text */
    return odd * 50 <= head.n && (zero == 0 || wide);
}

static const struct {
    const char *type;
    enum format format;
} magic_types[] = {
    {"application/x-dosexec", FORMAT_PROGRAM},
    {"application/x-msdownload", FORMAT_PROGRAM},
    {"application/vnd.microsoft.portable-executable", FORMAT_PROGRAM},
    {"application/x-executable", FORMAT_PROGRAM},
    {"application/x-pie-executable", FORMAT_PROGRAM},
    {"application/x-sharedlib", FORMAT_PROGRAM},
    {"application/x-object", FORMAT_PROGRAM},
    {"application/x-mach-binary", FORMAT_PROGRAM},
    {"application/x-java-applet", FORMAT_PROGRAM},
    {"application/x-bytecode.python", FORMAT_SCRIPT},
    {"application/x-ms-shortcut", FORMAT_SHORTCUT},
    {"application/x-mswinurl", FORMAT_SHORTCUT},
    {"application/x-iso9660-image", FORMAT_ISO},
    {"application/x-virtualbox", FORMAT_DISK},
    {"application/x-qemu-disk", FORMAT_DISK},
    {"application/x-apple-diskimage", FORMAT_DISK},
    {"application/x-dmg", FORMAT_DISK},
    {"application/vnd.ms-cab-compressed", FORMAT_ARCHIVE},
    {"application/x-tar", FORMAT_ARCHIVE},
    {"application/x-7z-compressed", FORMAT_ARCHIVE},
    {"application/x-rar", FORMAT_ARCHIVE},
    {"application/x-lzh-compressed", FORMAT_ARCHIVE},
    {"application/x-arc", FORMAT_OLD_ARCHIVE},
    {"application/x-zoo", FORMAT_OLD_ARCHIVE},
    {"application/x-stuffit", FORMAT_OLD_ARCHIVE},
    {"application/x-ace", FORMAT_OLD_ARCHIVE},
    {"application/x-alz", FORMAT_OLD_ARCHIVE},
    {"application/x-rpm", FORMAT_INSTALLER},
    {"application/vnd.ms-msi", FORMAT_INSTALLER},
    {"application/winhelp", FORMAT_HELP},
    {"application/x-shockwave-flash", FORMAT_FLASH},
    {"application/pgp-encrypted", FORMAT_CIPHERTEXT},
};

static enum format of_magic_type(struct span type) {
    for (size_t i = 0; i < SD_COUNT(magic_types); i++)
        if (span_eq(type, span_cstr(magic_types[i].type)))
            return magic_types[i].format;
    if (span_starts(type, SPAN("image/")))
        return FORMAT_OTHER_PICTURE;
    if (span_starts(type, SPAN("audio/")) || span_starts(type, SPAN("video/")))
        return FORMAT_MEDIA;
    return FORMAT_UNKNOWN;
}

enum format format_by_magic(struct files *files, struct span content) {
    const char *type = magic_buffer(files->magic, content.p, content.n < MAGIC_SAMPLE_BYTES ? content.n : MAGIC_SAMPLE_BYTES);
    return type ? of_magic_type(span_cstr(type)) : FORMAT_UNKNOWN;
}

/* The first tag, past declaration, comments and DOCTYPE, is one that makes a page. */
static bool is_page_tag(struct span tag) {
    static const char *const tags[] = {"html", "head", "body",  "script", "title",  "meta",  "iframe", "table",
                                       "div",  "form", "style", "a",      "p",      "br",    "img",    "b",
                                       "h1",   "font", "base",  "link",   "center", "embed", "object"};
    size_t n = 0;
    while (n < tag.n && is_word(tag.p[n]))
        n++;
    for (size_t i = 0; i < SD_COUNT(tags); i++)
        if (span_ieq(span_sub(tag, 0, n), span_cstr(tags[i])) && n < tag.n && tag.p[n] != ':')
            return true;
    return false;
}

static struct span behind(struct span s, struct span what) {
    size_t at = span_search(s, what);
    return at < s.n ? span_from(s, at + what.n) : SPAN_NONE;
}

static enum format of_markup(struct span s) {
    bool xml = span_istarts(s, SPAN("<?xml"));
    for (int i = 0; i < 32 && s.n > 1 && s.p[0] == '<'; i++) {
        if (span_istarts(s, SPAN("<!doctype html")))
            return FORMAT_HTML;
        if (span_istarts(s, SPAN("<!doctype svg")) || span_istarts(s, SPAN("<svg")))
            return FORMAT_SVG;
        if (span_starts(s, SPAN("<!--")))
            s = behind(s, SPAN("-->"));
        else if (s.p[1] == '!' || s.p[1] == '?')
            s = behind(s, SPAN(">"));
        else
            break;
        s = span_trim(s);
    }
    struct span prefixed = behind(span_sub(s, 0, 12), SPAN(":"));
    if (span_istarts(prefixed, SPAN("svg")))
        return FORMAT_SVG;
    if (s.n && s.p[0] == '<' && (is_page_tag(span_from(s, 1)) || span_istarts(prefixed, SPAN("html"))))
        return FORMAT_HTML;
    return xml ? FORMAT_XML : FORMAT_TEXT;
}

/* A header of an e-mail: several known fields in its first lines. */
static bool is_letter(struct span s) {
    static const char *const fields[] = {"from:",
                                         "to:",
                                         "subject:",
                                         "date:",
                                         "received:",
                                         "message-id:",
                                         "mime-version:",
                                         "return-path:",
                                         "content-type:",
                                         "delivered-to:",
                                         "x-mailer:",
                                         "reply-to:",
                                         "content-transfer-encoding:"};
    unsigned known = 0;
    struct span_split lines = span_split_start(span_sub(s, 0, TEXT_SAMPLE_BYTES));
    struct span line;
    for (unsigned i = 0; i < 40 && span_split_next(&lines, '\n', &line) && span_trim(line).n; i++) {
        bool is_field = line.p[0] == ' ' || line.p[0] == '\t' || (i == 0 && span_starts(line, SPAN("From ")));
        for (size_t k = 0; k < SD_COUNT(fields); k++)
            if (span_istarts(line, span_cstr(fields[k]))) {
                known++;
                is_field = true;
            }
        size_t colon = span_find(line, ':');
        if (!is_field && (colon == line.n || span_find(span_sub(line, 0, colon), ' ') < colon))
            return false;
    }
    return known >= 2;
}

static const struct {
    const char *text;
    enum format format;
} text_beginnings[] = {
    {"{\\rt", FORMAT_RTF},
    {"[InternetShortcut", FORMAT_SHORTCUT},
    {"[DEFAULT]\r\nBASEURL", FORMAT_SHORTCUT},
    {"Windows Registry Editor Version", FORMAT_SHORTCUT},
    {"REGEDIT4", FORMAT_SHORTCUT},
    {"[Shell]", FORMAT_SHORTCUT},
    {"[Desktop Entry]", FORMAT_SHORTCUT},
    {"WEB\r\n1\r\n", FORMAT_SHORTCUT},
    {"WEB\n1\n", FORMAT_SHORTCUT},
    {"ID;P", FORMAT_SYLK},
    {"X5O!P%@AP", FORMAT_PROGRAM},
    {"-----BEGIN PGP MESSAGE-----", FORMAT_CIPHERTEXT},
    {"(This file must be converted with BinHex", FORMAT_OLD_ARCHIVE},
    {"%PDF-", FORMAT_PDF},
    {"%FDF-", FORMAT_PDF},
    {"@echo off", FORMAT_SCRIPT},
};

static const char *const shortcut_roots[] = {"<libraryDescription", "<searchConnectorDescription",
                                             "<PCSettings",         "<persistedQuery",
                                             "<MMC_ConsoleFile",    "<asmv1:assembly"};

/* XML that Windows acts on, by its elements. */
static enum format refine_xml(struct span s) {
    struct span head = span_sub(s, 0, TEXT_SAMPLE_BYTES);
    for (size_t at = span_find(head, '<'); at < head.n; at += 1 + span_find(span_from(head, at + 1), '<')) {
        struct span tag = span_sub(head, at, 32);
        for (size_t i = 0; i < SD_COUNT(shortcut_roots); i++)
            if (span_istarts(tag, span_cstr(shortcut_roots[i])))
                return FORMAT_SHORTCUT;
        if (span_istarts(tag, SPAN("<scriptlet")) || (at < 2 && span_istarts(tag, SPAN("<package>"))) ||
            span_istarts(tag, SPAN("<job ")))
            return FORMAT_SCRIPT;
    }
    return FORMAT_XML;
}

enum format format_of_text(struct span content) {
    if (has(content, 0, SPAN("#!/")) || has(content, 0, SPAN("#! /")))
        return FORMAT_SCRIPT;
    struct span s = has(content, 0, SPAN("\xef\xbb\xbf")) ? span_from(content, 3) : content;
    s = span_trim(s);
    for (size_t i = 0; i < SD_COUNT(text_beginnings); i++)
        if (span_istarts(s, span_cstr(text_beginnings[i].text)))
            return text_beginnings[i].format;
    enum format format = of_markup(s);
    if (format == FORMAT_XML || (format == FORMAT_TEXT && s.n && s.p[0] == '<')) {
        enum format refined = refine_xml(s);
        return refined == FORMAT_XML ? format : refined;
    }
    if (format == FORMAT_TEXT && is_letter(s))
        return FORMAT_MAIL;
    if (format == FORMAT_TEXT && is_pdf_within(content))
        return FORMAT_PDF;
    return format;
}
