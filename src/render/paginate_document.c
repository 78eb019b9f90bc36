#include "render/paginate.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFICE "/usr/lib/libreoffice/program/"
#define PROFILE "/tmp/profile"

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

static bool make_profile(void) {
    if (mkdir(PROFILE, 0700) != 0 || mkdir(PROFILE "/user", 0700) != 0)
        return false;
    FILE *file = fopen(PROFILE "/user/registrymodifications.xcu", "w");
    return file && fputs(settings, file) >= 0 && fclose(file) == 0;
}

/* The pages that are shown and one more, to know that there are more. LibreOffice may end at once, having made its profile, and
 * want to be started again. */
static bool convert(const char *path, const char *to, enum office office, uint32_t pages) {
    char target[160];
    (void)snprintf(target, sizeof target, "pdf:%s:{\"PageRange\":{\"type\":\"string\",\"value\":\"1-%u\"}}",
                   parts[office].filter, pages);
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
    for (int attempt = 0; attempt < 3; attempt++) {
        struct program program;
        char line[512];
        if (program_start(arguments, false, &program) != SD_OK)
            return false;
        while (fgets(line, sizeof line, program.output))
            continue;
        if (program_end(&program) && there(to))
            return true;
    }
    return false;
}

enum show_reason show_document(struct paginate *p) {
    enum office office = office_of(p->content, p->extension);
    const char *path;
    if (office == OFFICE_ENCRYPTED)
        return SHOW_ENCRYPTED;
    if (!there(OFFICE "soffice.bin") || !there(parts[office].library))
        return parts[office].missing;
    if (setenv("LD_LIBRARY_PATH", OFFICE, 1) != 0 || !make_profile() ||
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
