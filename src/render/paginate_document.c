#include "render/paginate.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFICE "/usr/lib/libreoffice/program/"
#define PROFILE "/tmp/profile"
#define STARTED_ANEW 81 /* what LibreOffice ends with when it has changed its profile and wants to be started again */

/* No macros, no links that are followed, nothing looked up, no Java; it has no network and no files besides. */
static const char settings[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<oor:items xmlns:oor=\"http://openoffice.org/2001/registry\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "
    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
#define ITEM(path, name, value)                                                                                                \
    "<item oor:path=\"/org.openoffice." path "\"><prop oor:name=\"" name "\" oor:op=\"fuse\"><value>" value                    \
    "</value></prop></item>\n"
    ITEM("Office.Common/Security/Scripting", "MacroSecurityLevel", "3")
        ITEM("Office.Common/Security/Scripting", "DisableMacrosExecution", "true")
            ITEM("Office.Common/Security/Scripting", "DisableActiveContent", "true")
                ITEM("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true")
                    ITEM("Office.Writer/Content/Update", "Link", "0") ITEM("Office.Calc/Content/Update", "Link", "2")
                        ITEM("Office.Java/VirtualMachine", "Enable", "false") ITEM("Office.Common/Misc", "FirstRun", "false")
                            ITEM("Office.Common/Misc", "UseOpenCL", "false")
                                ITEM("Office.Common/Save/Document", "AutoSave", "false")
                                    ITEM("Setup/Office", "ooSetupInstCompleted", "true")
#undef ITEM
                                        "</oor:items>\n";

static const struct {
    const char *library; /* of its part */
    const char *filter;
    enum show_reason missing;
} parts[] = {
    [OFFICE_WRITER] = {OFFICE "libswlo.so", "writer_pdf_Export", SHOW_NO_WRITER},
    [OFFICE_CALC] = {OFFICE "libsclo.so", "calc_pdf_Export", SHOW_NO_CALC},
    [OFFICE_IMPRESS] = {OFFICE "libsdlo.so", "impress_pdf_Export", SHOW_NO_IMPRESS},
};

static bool write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* With the mark of the build that made it: LibreOffice would otherwise look for changed extensions and then start anew. */
static void mark_profile(void) {
    char line[256];
    FILE *file = fopen(OFFICE "versionrc", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        if (strncmp(line, "buildid=", 8) == 0)
            (void)write_file(PROFILE "/user/extensions/buildid", line + 8);
    }
    if (file)
        (void)fclose(file);
}

static bool make_profile(void) {
    static const char *const folders[] = {PROFILE, PROFILE "/user", PROFILE "/user/extensions"};
    for (size_t i = 0; i < SD_COUNT(folders); i++)
        if (mkdir(folders[i], 0700) != 0)
            return false;
    mark_profile();
    return write_file(PROFILE "/user/registrymodifications.xcu", settings);
}

static int run_office(const char *target, const char *path) {
    const char *const arguments[] = {OFFICE "soffice.bin",
                                     "--headless",
                                     "--norestore",
                                     "--nologo",
                                     "--nodefault",
                                     "--nolockcheck",
                                     "--nofirststartwizard",
                                     "-env:UserInstallation=file://" PROFILE,
                                     "--convert-to",
                                     target,
                                     "--outdir",
                                     "/tmp",
                                     path,
                                     NULL};
    struct program program;
    char line[512];
    if (program_start(arguments, false, &program) != SD_OK)
        return -1;
    while (fgets(line, sizeof line, program.output))
        continue;
    return program_end(&program);
}

/* The pages that are shown and one more, to know that there are more. */
static bool convert(const char *path, const char *to, enum office office, uint32_t pages) {
    char target[160];
    (void)snprintf(target, sizeof target, "pdf:%s:{\"PageRange\":{\"type\":\"string\",\"value\":\"1-%u\"}}",
                   parts[office].filter, pages);
    int status = run_office(target, path);
    if (status == STARTED_ANEW)
        status = run_office(target, path);
    return status == 0 && there(to);
}

/* It has no /proc to find its libraries by. And it makes and drops bitmaps of 64 MiB by the dozen: kept by malloc, and not
 * given back to the kernel to be cleared again each time, they cost half as much time. */
static bool set_environment(void) {
    static const char most[] = "1073741824";
    return setenv("LD_LIBRARY_PATH", OFFICE, 1) == 0 && setenv("MALLOC_MMAP_THRESHOLD_", most, 1) == 0 &&
           setenv("MALLOC_TRIM_THRESHOLD_", most, 1) == 0;
}

enum show_reason show_document(struct paginate *p) {
    enum office office = part_of_office(p->content, p->extension);
    const char *path;
    if (office == OFFICE_ENCRYPTED)
        return SHOW_ENCRYPTED;
    if (office == OFFICE_NONE)
        return SHOW_KIND;
    if (!installed(OFFICE "soffice.bin") || !there(parts[office].library))
        return parts[office].missing;
    if (!set_environment() || !make_profile() ||
        content_file(p, *p->extension != '-' ? p->extension : "document", &path) != SD_OK)
        return SHOW_ROOM;
    if (!convert(path, "/tmp/content.pdf", office, p->pages_max + 1))
        return SHOW_BROKEN;
    enum show_reason reason = show_pdf_file(p, "/tmp/content.pdf");
    if (p->total > p->pages_max) { /* that was the one more */
        p->total = 0;
        p->more = true;
    }
    return reason;
}
