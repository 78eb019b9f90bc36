/* Settings of the root and of backups, and the root's file as it lies there. */
#include "sealdesk/settings_check.h"

#include "core/codec.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECOVERY_KEY_BYTES 32
#define KEEP_DAYS_MAX 3650

/* `run` would make it private without a word; whoever could read it meanwhile still has it. */
static unsigned check_root_file(const struct settings *s, FILE *to) {
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/keeper/root.key", s->data_dir);
    bool ours = geteuid() == 0 || (lstat(path, &st) == 0 && st.st_uid == geteuid()); /* others are told that they may not */
    if (!ours || lstat(path, &st) != 0 || !(st.st_mode & 077))
        return 0;
    return settings_problem(to,
                            "%s can be read by others (mode %o): chmod 600 it, then replace it, for it may have been copied: "
                            "sealdesk keys rotate root",
                            path, st.st_mode & 0777);
}

unsigned settings_check_keys(const struct settings *s, FILE *to) {
    const char *root = settings_text(s, "keeper.root"), *key = settings_text(s, "backup.recovery_key");
    const char *credential = strncmp(root, "credential:", 11) == 0 ? root + 11 : NULL;
    uint8_t bytes[RECOVERY_KEY_BYTES];
    unsigned n = 0;
    if (credential ? !*credential || strchr(credential, '/') != NULL
                   : strcmp(root, "file") != 0 && strcmp(root, "passphrase") != 0)
        n += settings_problem(to, "keeper.root = \"%s\": expected file, credential:NAME or passphrase", root);
    if (*key && hex_to_bytes(span_cstr(key), bytes, sizeof bytes) != SD_OK)
        n += settings_problem(to, "backup.recovery_key: expected the public key that `sealdesk backup keygen` prints");
    if (settings_int(s, "backup.keep") < 1 || settings_int(s, "backup.keep") > KEEP_DAYS_MAX)
        n += settings_problem(to, "backup.keep = %s: expected 1 to %d days", settings_text(s, "backup.keep"), KEEP_DAYS_MAX);
    return n + check_root_file(s, to);
}

static bool is_there(const struct settings *s, const char *name) {
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/keeper/%s", s->data_dir, name);
    return lstat(path, &st) == 0;
}

void settings_warn_keys(const struct settings *s, FILE *to) {
    bool file = strcmp(settings_text(s, "keeper.root"), "file") == 0;
    if (!*settings_text(s, "backup.recovery_key"))
        (void)fprintf(to, "backup.recovery_key is not set: nothing can be backed up (sealdesk backup keygen)\n");
    if (!file && is_there(s, "root.key") && !is_there(s, "root.sealed"))
        (void)fprintf(to, "keeper.root is set, but the root lies in keeper/root.key as it is: run sealdesk keys wrap\n");
    if (file && is_there(s, "root.sealed") && !is_there(s, "root.key"))
        (void)fprintf(to, "the root is sealed, and keeper.root says file: the keeper will stay locked\n");
}
