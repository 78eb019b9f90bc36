/* What a name tells: its extension as Windows takes it, several of them, and characters that turn or hide parts. */
#include "files/name.h"

#define EXTENSION_MAX 24 /* "searchconnector-ms" has 18 */
#define SPACES_MAX 3     /* in a row; more push the extension out of sight */

struct extension {
    const char *text;
    uint64_t finding;
};

static const struct extension dangerous[] = {
#define AS(text, finding)                                                                                                      \
    { text, FINDING_BIT(finding) }
    AS("exe", EXECUTABLE),
    AS("scr", EXECUTABLE),
    AS("com", EXECUTABLE),
    AS("pif", EXECUTABLE),
    AS("cpl", EXECUTABLE),
    AS("dll", EXECUTABLE),
    AS("ocx", EXECUTABLE),
    AS("sys", EXECUTABLE),
    AS("drv", EXECUTABLE),
    AS("xll", EXECUTABLE),
    AS("wll", EXECUTABLE),
    AS("jar", EXECUTABLE),
    AS("jnlp", EXECUTABLE),
    AS("gadget", EXECUTABLE),
    AS("air", EXECUTABLE),
    AS("elf", EXECUTABLE),
    AS("appimage", EXECUTABLE),
    AS("run", EXECUTABLE),
    AS("command", SCRIPT),
    AS("js", SCRIPT),
    AS("jse", SCRIPT),
    AS("mjs", SCRIPT),
    AS("vb", SCRIPT),
    AS("vbs", SCRIPT),
    AS("vbe", SCRIPT),
    AS("ws", SCRIPT),
    AS("wsf", SCRIPT),
    AS("wsh", SCRIPT),
    AS("wsc", SCRIPT),
    AS("sct", SCRIPT),
    AS("hta", SCRIPT),
    AS("htc", SCRIPT),
    AS("bat", SCRIPT),
    AS("cmd", SCRIPT),
    AS("ps1", SCRIPT),
    AS("ps1xml", SCRIPT),
    AS("ps2", SCRIPT),
    AS("ps2xml", SCRIPT),
    AS("psc1", SCRIPT),
    AS("psc2", SCRIPT),
    AS("psd1", SCRIPT),
    AS("psm1", SCRIPT),
    AS("cdxml", SCRIPT),
    AS("msh", SCRIPT),
    AS("msh1", SCRIPT),
    AS("msh2", SCRIPT),
    AS("py", SCRIPT),
    AS("pyc", SCRIPT),
    AS("pyo", SCRIPT),
    AS("pyw", SCRIPT),
    AS("pyz", SCRIPT),
    AS("pyzw", SCRIPT),
    AS("pl", SCRIPT),
    AS("sh", SCRIPT),
    AS("csh", SCRIPT),
    AS("ksh", SCRIPT),
    AS("bash", SCRIPT),
    AS("scpt", SCRIPT),
    AS("applescript", SCRIPT),
    AS("ahk", SCRIPT),
    AS("au3", SCRIPT),
    AS("a3x", SCRIPT),
    AS("inf", SCRIPT),
    AS("ins", SCRIPT),
    AS("isp", SCRIPT),
    AS("xsl", SCRIPT),
    AS("xslt", SCRIPT),
    AS("swf", SCRIPT),
    AS("ade", SCRIPT),
    AS("adp", SCRIPT),
    AS("accdb", SCRIPT),
    AS("accde", SCRIPT),
    AS("accda", SCRIPT),
    AS("mda", SCRIPT),
    AS("mdb", SCRIPT),
    AS("mde", SCRIPT),
    AS("mdw", SCRIPT),
    AS("mdt", SCRIPT),
    AS("vsmacros", SCRIPT),
    AS("msc", SCRIPT),
    AS("lnk", SHORTCUT),
    AS("url", SHORTCUT),
    AS("website", SHORTCUT),
    AS("webloc", SHORTCUT),
    AS("desktop", SHORTCUT),
    AS("scf", SHORTCUT),
    AS("reg", SHORTCUT),
    AS("library-ms", SHORTCUT),
    AS("search-ms", SHORTCUT),
    AS("searchconnector-ms", SHORTCUT),
    AS("settingcontent-ms", SHORTCUT),
    AS("appcontent-ms", SHORTCUT),
    AS("appref-ms", SHORTCUT),
    AS("application", SHORTCUT),
    AS("iqy", SHORTCUT),
    AS("oqy", SHORTCUT),
    AS("rqy", SHORTCUT),
    AS("dqy", SHORTCUT),
    AS("slk", SHORTCUT),
    AS("xnk", SHORTCUT),
    AS("rdp", SHORTCUT),
    AS("theme", SHORTCUT),
    AS("themepack", SHORTCUT),
    AS("deskthemepack", SHORTCUT),
    AS("diagcab", SHORTCUT),
    AS("diagcfg", SHORTCUT),
    AS("diagpkg", SHORTCUT),
    AS("cnt", SHORTCUT),
    AS("grp", SHORTCUT),
    AS("pcd", SHORTCUT),
    AS("prf", SHORTCUT),
    AS("shb", SHORTCUT),
    AS("shs", SHORTCUT),
    AS("udl", SHORTCUT),
    AS("odc", SHORTCUT),
    AS("xbap", SHORTCUT),
    AS("mobileconfig", SHORTCUT),
    AS("maf", SHORTCUT),
    AS("mag", SHORTCUT),
    AS("mam", SHORTCUT),
    AS("maq", SHORTCUT),
    AS("mar", SHORTCUT),
    AS("mas", SHORTCUT),
    AS("mav", SHORTCUT),
    AS("maw", SHORTCUT),
    AS("iso", DISK_IMAGE),
    AS("img", DISK_IMAGE),
    AS("udf", DISK_IMAGE),
    AS("ima", DISK_IMAGE),
    AS("nrg", DISK_IMAGE),
    AS("vhd", DISK_IMAGE),
    AS("vhdx", DISK_IMAGE),
    AS("vmdk", DISK_IMAGE),
    AS("vdi", DISK_IMAGE),
    AS("wim", DISK_IMAGE),
    AS("dmg", DISK_IMAGE),
    AS("msi", INSTALLER),
    AS("msp", INSTALLER),
    AS("mst", INSTALLER),
    AS("msu", INSTALLER),
    AS("msix", INSTALLER),
    AS("msixbundle", INSTALLER),
    AS("appx", INSTALLER),
    AS("appxbundle", INSTALLER),
    AS("appinstaller", INSTALLER),
    AS("apk", INSTALLER),
    AS("xapk", INSTALLER),
    AS("aab", INSTALLER),
    AS("ipa", INSTALLER),
    AS("deb", INSTALLER),
    AS("rpm", INSTALLER),
    AS("pkg", INSTALLER),
    AS("mpkg", INSTALLER),
    AS("flatpak", INSTALLER),
    AS("snap", INSTALLER),
    AS("xpi", INSTALLER),
    AS("crx", INSTALLER),
    AS("vsix", INSTALLER),
    AS("oxt", INSTALLER),
    AS("sis", INSTALLER),
    AS("sisx", INSTALLER),
    AS("one", ONENOTE),
    AS("onepkg", ONENOTE),
    AS("onetoc2", ONENOTE),
    AS("chm", HELP_FILE),
    AS("hlp", HELP_FILE),
    AS("hpj", HELP_FILE),
#undef AS
};

static const struct {
    const char *text;
    enum promise promise;
} harmless[] = {
    {"txt", PROMISE_TEXT},     {"text", PROMISE_TEXT},    {"log", PROMISE_TEXT},       {"md", PROMISE_TEXT},
    {"asc", PROMISE_TEXT},     {"sig", PROMISE_TEXT},     {"patch", PROMISE_TEXT},     {"diff", PROMISE_TEXT},
    {"c", PROMISE_TEXT},       {"h", PROMISE_TEXT},       {"conf", PROMISE_TEXT},      {"ini", PROMISE_TEXT},
    {"json", PROMISE_TEXT},    {"ics", PROMISE_TEXT},     {"vcf", PROMISE_TEXT},       {"csv", PROMISE_TABLE},
    {"tsv", PROMISE_TABLE},    {"tab", PROMISE_TABLE},    {"html", PROMISE_PAGE},      {"htm", PROMISE_PAGE},
    {"shtml", PROMISE_PAGE},   {"shtm", PROMISE_PAGE},    {"xhtml", PROMISE_PAGE},     {"xht", PROMISE_PAGE},
    {"svg", PROMISE_PAGE},     {"svgz", PROMISE_PAGE},    {"xml", PROMISE_PAGE},       {"mhtml", PROMISE_MAIL},
    {"mht", PROMISE_MAIL},     {"eml", PROMISE_MAIL},     {"msg", PROMISE_MAIL},       {"mbox", PROMISE_MAIL},
    {"png", PROMISE_PICTURE},  {"jpg", PROMISE_PICTURE},  {"jpeg", PROMISE_PICTURE},   {"jpe", PROMISE_PICTURE},
    {"jfif", PROMISE_PICTURE}, {"gif", PROMISE_PICTURE},  {"webp", PROMISE_PICTURE},   {"tif", PROMISE_PICTURE},
    {"tiff", PROMISE_PICTURE}, {"bmp", PROMISE_PICTURE},  {"ico", PROMISE_PICTURE},    {"heic", PROMISE_PICTURE},
    {"heif", PROMISE_PICTURE}, {"avif", PROMISE_PICTURE}, {"emf", PROMISE_PICTURE},    {"wmf", PROMISE_PICTURE},
    {"mp3", PROMISE_MEDIA},    {"mp4", PROMISE_MEDIA},    {"m4a", PROMISE_MEDIA},      {"mov", PROMISE_MEDIA},
    {"avi", PROMISE_MEDIA},    {"mpg", PROMISE_MEDIA},    {"mpeg", PROMISE_MEDIA},     {"wav", PROMISE_MEDIA},
    {"wmv", PROMISE_MEDIA},    {"mkv", PROMISE_MEDIA},    {"webm", PROMISE_MEDIA},     {"ogg", PROMISE_MEDIA},
    {"opus", PROMISE_MEDIA},   {"amr", PROMISE_MEDIA},    {"3gp", PROMISE_MEDIA},      {"pdf", PROMISE_PDF},
    {"doc", PROMISE_OFFICE},   {"dot", PROMISE_OFFICE},   {"docx", PROMISE_OFFICE},    {"docm", PROMISE_OFFICE},
    {"dotx", PROMISE_OFFICE},  {"dotm", PROMISE_OFFICE},  {"xls", PROMISE_OFFICE},     {"xlt", PROMISE_OFFICE},
    {"xla", PROMISE_OFFICE},   {"xlsx", PROMISE_OFFICE},  {"xlsm", PROMISE_OFFICE},    {"xlsb", PROMISE_OFFICE},
    {"xltx", PROMISE_OFFICE},  {"xltm", PROMISE_OFFICE},  {"xlam", PROMISE_OFFICE},    {"ppt", PROMISE_OFFICE},
    {"pps", PROMISE_OFFICE},   {"pot", PROMISE_OFFICE},   {"pptx", PROMISE_OFFICE},    {"pptm", PROMISE_OFFICE},
    {"ppsx", PROMISE_OFFICE},  {"ppsm", PROMISE_OFFICE},  {"potx", PROMISE_OFFICE},    {"potm", PROMISE_OFFICE},
    {"rtf", PROMISE_OFFICE},   {"odt", PROMISE_OFFICE},   {"ods", PROMISE_OFFICE},     {"odp", PROMISE_OFFICE},
    {"odg", PROMISE_OFFICE},   {"vsd", PROMISE_OFFICE},   {"vsdx", PROMISE_OFFICE},    {"pub", PROMISE_OFFICE},
    {"wps", PROMISE_OFFICE},   {"pages", PROMISE_OFFICE}, {"numbers", PROMISE_OFFICE}, {"key", PROMISE_NOTHING},
    {"zip", PROMISE_ARCHIVE},  {"zipx", PROMISE_ARCHIVE}, {"7z", PROMISE_ARCHIVE},     {"rar", PROMISE_ARCHIVE},
    {"tar", PROMISE_ARCHIVE},  {"tgz", PROMISE_ARCHIVE},  {"tbz", PROMISE_ARCHIVE},    {"tbz2", PROMISE_ARCHIVE},
    {"txz", PROMISE_ARCHIVE},  {"gz", PROMISE_ARCHIVE},   {"bz2", PROMISE_ARCHIVE},    {"xz", PROMISE_ARCHIVE},
    {"zst", PROMISE_ARCHIVE},  {"lz", PROMISE_ARCHIVE},   {"lz4", PROMISE_ARCHIVE},    {"z", PROMISE_ARCHIVE},
    {"cab", PROMISE_ARCHIVE},  {"cpio", PROMISE_ARCHIVE}, {"arj", PROMISE_ARCHIVE},    {"lzh", PROMISE_ARCHIVE},
    {"lha", PROMISE_ARCHIVE},  {"ace", PROMISE_ARCHIVE},
};

static bool is_slash(uint8_t c) {
    return c == '/' || c == '\\';
}

static struct span base_name(struct span name) {
    for (size_t i = name.n; i > 0; i--)
        if (is_slash(name.p[i - 1]))
            return span_from(name, i);
    return name;
}

/* Windows drops dots and spaces at the end, and what stands behind a colon is a stream of the file before it. */
static struct span without_tail(struct span name) {
    while (name.n && (name.p[name.n - 1] == '.' || name.p[name.n - 1] <= ' '))
        name.n--;
    return name;
}

struct span name_extension(struct span name) {
    struct span base = without_tail(base_name(name));
    size_t dot = span_rfind(base, '.');
    return dot < base.n ? span_trim(span_from(base, dot + 1)) : SPAN_NONE;
}

static uint64_t danger_of(struct span extension) {
    for (size_t i = 0; extension.n && extension.n <= EXTENSION_MAX && i < SD_COUNT(dangerous); i++)
        if (span_ieq(extension, span_cstr(dangerous[i].text)))
            return dangerous[i].finding;
    return 0;
}

static enum promise promise_of(struct span extension) {
    for (size_t i = 0; extension.n && extension.n <= EXTENSION_MAX && i < SD_COUNT(harmless); i++)
        if (span_ieq(extension, span_cstr(harmless[i].text)))
            return harmless[i].promise;
    return danger_of(extension) ? PROMISE_PROGRAM : PROMISE_NOTHING;
}

enum promise name_promise(struct span name) {
    return promise_of(name_extension(name));
}

static const struct {
    const char *prefix;
    enum promise promise;
} types[] = {
    {"image/svg", PROMISE_PAGE},
    {"image/", PROMISE_PICTURE},
    {"audio/", PROMISE_MEDIA},
    {"video/", PROMISE_MEDIA},
    {"text/html", PROMISE_PAGE},
    {"text/xml", PROMISE_PAGE},
    {"text/csv", PROMISE_TABLE},
    {"text/tab-separated-values", PROMISE_TABLE},
    {"text/", PROMISE_TEXT},
    {"application/pdf", PROMISE_PDF},
    {"application/xhtml", PROMISE_PAGE},
    {"application/xml", PROMISE_PAGE},
    {"application/hta", PROMISE_PROGRAM},
    {"application/msword", PROMISE_OFFICE},
    {"application/rtf", PROMISE_OFFICE},
    {"application/vnd.ms-excel", PROMISE_OFFICE},
    {"application/vnd.ms-powerpoint", PROMISE_OFFICE},
    {"application/vnd.ms-word", PROMISE_OFFICE},
    {"application/vnd.openxmlformats", PROMISE_OFFICE},
    {"application/vnd.oasis.opendocument", PROMISE_OFFICE},
    {"message/", PROMISE_MAIL},
};

enum promise type_promise(struct span type) {
    for (size_t i = 0; i < SD_COUNT(types); i++)
        if (span_istarts(type, span_cstr(types[i].prefix)))
            return types[i].promise;
    return PROMISE_NOTHING;
}

/* "invoice.pdf.exe", "invoice.pdf      .exe"; and a page that calls itself a document. */
static uint64_t judge_extensions(struct span name) {
    struct span base = without_tail(base_name(name));
    struct span last = name_extension(base);
    uint64_t found = danger_of(last);
    if (!last.n)
        return 0;
    size_t dot = span_rfind(base, '.');
    enum promise before = promise_of(name_extension(span_sub(base, 0, dot)));
    bool document = before == PROMISE_PDF || before == PROMISE_OFFICE;
    bool harmless_before = before != PROMISE_NOTHING && before != PROMISE_PROGRAM;
    if (found && harmless_before)
        found |= FINDING_BIT(DOUBLE_EXTENSION);
    if (!found && document && promise_of(last) == PROMISE_PAGE && !span_ieq(last, SPAN("xml")))
        found |= FINDING_BIT(DOUBLE_EXTENSION);
    return found;
}

/* "report.txt:hidden.exe" writes the stream of a file; "x.{CLSID}" is opened by what the class says. */
static uint64_t judge_windows(struct span name) {
    static const char *const devices[] = {"con", "prn", "aux", "nul", "conin$", "conout$"};
    struct span base = without_tail(base_name(name));
    struct span stem = span_trim(span_sub(base, 0, span_find(base, '.')));
    uint64_t found = 0;
    for (size_t i = 0; i < SD_COUNT(devices); i++)
        if (span_ieq(stem, span_cstr(devices[i])))
            found |= FINDING_BIT(NAME_DECEPTIVE);
    if (stem.n == 4 && (span_istarts(stem, SPAN("com")) || span_istarts(stem, SPAN("lpt"))) && stem.p[3] >= '1' &&
        stem.p[3] <= '9')
        found |= FINDING_BIT(NAME_DECEPTIVE);
    struct span extension = name_extension(base);
    if (extension.n == 38 && extension.p[0] == '{' && extension.p[37] == '}')
        found |= FINDING_BIT(NAME_DECEPTIVE) | FINDING_BIT(SHORTCUT);
    size_t colon = span_find(base, ':');
    if (colon < base.n && colon > 0)
        found |= judge_extensions(span_sub(base, 0, colon));
    return found;
}

/* What is no UTF-8 (names in archives are often Latin-1) is a character that is nothing. */
static uint32_t next_character(struct span s, size_t *at) {
    uint8_t first = s.p[(*at)++];
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t c = more ? first & (0x3fU >> more) : first;
    if (first >= 0x80 && !span_is_utf8(span_sub(s, *at - 1, more + 1)))
        return 0xfffd;
    for (; more && *at < s.n; more--)
        c = c << 6 | (s.p[(*at)++] & 0x3fU);
    return c;
}

static bool turns_or_hides(uint32_t c) {
    return c < 0x20 || c == 0x7f || (c >= 0x80 && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e || c == 0x200b ||
           c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           c == 0x2028 || c == 0x2029 || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* Dots and slashes that are none. */
static bool looks_like_dot(uint32_t c) {
    return c == 0x2024 || c == 0xff0e || c == 0xfe52 || c == 0xff61 || c == 0x2215 || c == 0x2044 || c == 0xff0f || c == 0xff3c;
}

static bool is_wide_space(uint32_t c) {
    return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000 ||
           c == 0x3164 || c == 0x2800;
}

/* Joiners belong to Persian, Indic and emoji; beside ASCII they only hide. */
static bool is_joiner(uint32_t c) {
    return c == 0x200c || c == 0x200d;
}

bool name_hides(struct span character) {
    size_t at = 0;
    uint32_t c = character.n ? next_character(character, &at) : 0;
    return turns_or_hides(c) || is_joiner(c);
}

static uint64_t judge_characters(struct span name) {
    uint32_t before = 0;
    unsigned spaces = 0;
    for (size_t at = 0; at < name.n;) {
        uint32_t c = next_character(name, &at);
        spaces = is_wide_space(c) ? spaces + 1 : 0;
        bool joined = (is_joiner(c) && before < 0x80) || (is_joiner(before) && c < 0x80);
        if (turns_or_hides(c) || looks_like_dot(c) || joined || spaces > SPACES_MAX)
            return FINDING_BIT(NAME_DECEPTIVE);
        before = c;
    }
    return is_joiner(before) ? FINDING_BIT(NAME_DECEPTIVE) : 0;
}

static bool climbs(struct span name) {
    for (size_t i = 0; i + 2 < name.n; i++)
        if (name.p[i] == '.' && name.p[i + 1] == '.' && is_slash(name.p[i + 2]) && (i == 0 || is_slash(name.p[i - 1])))
            return true;
    return false;
}

uint64_t files_judge_name(struct span name) {
    if (!name.n)
        return 0;
    uint64_t found = judge_extensions(name) | judge_windows(name) | judge_characters(name);
    struct span base = base_name(name);
    if (without_tail(base).n != base.n || climbs(name))
        found |= FINDING_BIT(NAME_DECEPTIVE);
    return found;
}
