#include "render/paginate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

bool there(const char *path) {
    return access(path, R_OK) == 0;
}

bool installed(const char *path) {
    return access(path, X_OK) == 0;
}

static _Noreturn void become(const char *const arguments[], int output, bool with_errors) {
    int null = open("/dev/null", O_RDWR);
    if (null >= 0 && dup2(null, STDIN_FILENO) == 0 && dup2(output, STDOUT_FILENO) == 1 &&
        dup2(with_errors ? output : null, STDERR_FILENO) == 2)
        (void)execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

enum sd_err program_start(const char *const arguments[], bool with_errors, struct program *ret) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sd_err_from_errno(errno);
    int pid = fork();
    if (pid == 0)
        become(arguments, fds[1], with_errors);
    (void)close(fds[1]);
    FILE *output = pid > 0 ? fdopen(fds[0], "r") : NULL;
    if (!output) {
        (void)close(fds[0]);
        return SD_ERR_NOMEM;
    }
    *ret = (struct program){.output = output, .pid = pid};
    return SD_OK;
}

int program_end(struct program *program) {
    int status = 0;
    (void)fclose(program->output);
    return waitpid(program->pid, &status, 0) == program->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum sd_err content_file(const struct paginate *p, const char *extension, const char **ret_path) {
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/content.%s", extension);
    FILE *file = fopen(path, "w");
    if (!file)
        return sd_err_from_errno(errno);
    size_t n = fwrite(p->content.p, 1, p->content.n, file);
    if (fclose(file) != 0 || n != p->content.n)
        return SD_ERR_FULL;
    *ret_path = path;
    return SD_OK;
}
