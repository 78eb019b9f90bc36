/* What previews are made with: what is not installed, what cannot be shown without it, and whether the sandbox may be built. */
#include "sealdesk/scan_check.h"

#include "core/clock.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BWRAP "/usr/bin/bwrap"
#define SANDBOX_MS 5000

static const struct needed {
    const char *file, *package, *cost;
} needed[] = {
    {BWRAP, "bubblewrap", "no attachment can be previewed"},
    {"/usr/bin/pdftoppm", "poppler-utils", "no PDF can be previewed, and no document"},
    {"/usr/bin/gm", "graphicsmagick", "no pictures (JPEG, PNG, GIF, TIFF) can be previewed"},
    {"/usr/lib/libreoffice/program/libswlo.so", "libreoffice-writer-nogui", "no texts (DOCX, DOC, ODT, RTF) can be previewed"},
    {"/usr/lib/libreoffice/program/libsclo.so", "libreoffice-calc-nogui", "no tables (XLSX, XLS, ODS) can be previewed"},
    {"/usr/lib/libreoffice/program/libsdlo.so", "libreoffice-impress-nogui", "no slides (PPTX, PPT, ODP) can be previewed"},
};

static int is_font(const char *path, SD_UNUSED const struct stat *st, int type, SD_UNUSED struct FTW *ftw) {
    static const char *const endings[] = {".ttf", ".otf", ".ttc", ".pfb", ".t1"};
    for (size_t i = 0; i < SD_COUNT(endings) && type == FTW_F; i++)
        if (span_ends(span_cstr(path), span_cstr(endings[i])))
            return 1; /* ends the walk */
    return 0;
}

static void warn_missing(FILE *to) {
    for (size_t i = 0; i < SD_COUNT(needed); i++)
        if (access(needed[i].file, R_OK) != 0)
            (void)fprintf(to, "%s is not installed: %s: apt install %s\n", needed[i].package, needed[i].cost,
                          needed[i].package);
    if (nftw("/usr/share/fonts", is_font, 8, FTW_PHYS) != 1)
        (void)fprintf(to, "no fonts are installed: previews show boxes instead of letters: apt install fonts-dejavu-core "
                          "fonts-liberation\n");
}

/* In the child: an ordinary user, as the role that renders is one. */
static void try_sandbox(uint32_t uid) {
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0))
        _exit(126);
    if (dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0)
        _exit(126);
    (void)execl(BWRAP, "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin",
                "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "/usr/bin/true", (char *)NULL);
    _exit(127);
}

static bool sandbox_works(const struct settings *settings) {
    uint32_t uid = (uint32_t)settings_int(settings, "run.uid_base");
    pid_t pid = fork();
    if (pid == 0)
        try_sandbox(uid);
    struct deadline deadline = deadline_in_ms(SANDBOX_MS);
    int status = 1;
    pid_t done = 0;
    while (pid > 0 && (done = waitpid(pid, &status, WNOHANG)) == 0 && deadline_left_ms(deadline) > 0)
        (void)poll(NULL, 0, 20);
    if (pid > 0 && done == 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    return done == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void scan_warn_preview(const struct settings *settings, FILE *to) {
    warn_missing(to);
    if (access(BWRAP, X_OK) == 0 && !sandbox_works(settings))
        (void)fprintf(to,
                      "the sandbox of previews cannot be built (bwrap --unshare-all as an ordinary user): no attachment can be "
                      "previewed; allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces "
                      "above 0\n");
}
