/* passphrase.c - a passphrase from a terminal without echo, or from a file: never an argument, never the environment. */
#include "sealdesk/cli.h"

#include "core/role.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static enum sd_err first_line(struct span text, struct secret *ret) {
    text = span_sub(text, 0, span_find(text, '\n'));
    if (text.n && text.p[text.n - 1] == '\r')
        text.n--;
    return text.n ? secret_copy(text, ret) : SD_ERR_PARSE;
}

enum sd_err passphrase_from_file(const char *path, struct secret *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text);
    if (err == SD_OK)
        err = first_line(buf_span(&text), ret);
    if (err)
        (void)fprintf(stderr, "%s: cannot read the passphrase: %s\n", path, sd_err_text(err));
    return err;
}

enum sd_err passphrase_from_terminal(const char *prompt, struct secret *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0};
    struct termios before, quiet;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) != 0) {
        (void)fprintf(stderr, "there is no terminal to ask at: give --passphrase-file F (- for standard input)\n");
        if (tty >= 0)
            (void)close(tty);
        return SD_ERR_UNAVAILABLE;
    }
    quiet = before;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    quiet.c_lflag |= ICANON | ECHONL;
    enum sd_err err = secret_new(1024, &text);
    ssize_t n = -1;
    if (err == SD_OK && tcsetattr(tty, TCSAFLUSH, &quiet) == 0) {
        (void)dprintf(tty, "%s: ", prompt);
        n = read(tty, text.p, text.n);
        (void)tcsetattr(tty, TCSAFLUSH, &before);
    }
    (void)close(tty);
    return n > 0 ? first_line(span_of(text.p, (size_t)n), ret) : SD_ERR_IO;
}

enum sd_err passphrase_twice(struct secret *ret) {
    struct secret first SD_CLEANUP(secret_free) = {0}, second SD_CLEANUP(secret_free) = {0};
    enum sd_err err = passphrase_from_terminal("Passphrase", &first);
    if (err == SD_OK)
        err = passphrase_from_terminal("Once more", &second);
    if (err == SD_OK && !span_eq_secret(secret_span(&first), secret_span(&second))) {
        (void)fprintf(stderr, "the two are not the same\n");
        err = SD_ERR_PARSE;
    }
    if (err == SD_OK)
        *ret = secret_take(&first);
    return err;
}
