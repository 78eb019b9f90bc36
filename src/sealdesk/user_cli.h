/* user_cli.h - what the commands about people and their sessions share. */
#ifndef SD_SEALDESK_USER_CLI_H
#define SD_SEALDESK_USER_CLI_H

#include "core/ipc/keeper.h"
#include "sealdesk/cli.h"

#define USER_ASK_MS 30000

struct user_options {
    struct common_options common;
    const char *email, *name, *role, *password_file, *reason;
    struct ipc_list queues;
    struct buf queue_bytes;
    char **words; /* what is no option, behind the command's own word */
    int word_count;
};
int user_usage(void);
/* user_change.c: suspend, resume, remove, role, name, queues, roles, invite, reset. */
int user_change(const char *word, struct user_options *o);

/* An error, or the keeper's sentence about what is wrong; the exit status. */
int user_report(const char *word, enum sd_err err, struct span problem);

/* A way in, which is shown once. */
struct user_link {
    struct span person, link, code;
    int64_t expires_ms;
};
void print_link(const struct settings *settings, const struct user_link *link, bool json);

#endif
