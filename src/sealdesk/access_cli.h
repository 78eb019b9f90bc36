/* access_cli.h - what the commands about rights share: their options, and how acts, tickets and times are written. */
#ifndef SD_SEALDESK_ACCESS_CLI_H
#define SD_SEALDESK_ACCESS_CLI_H

#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "sealdesk/cli.h"

#define ASK_MS 30000

struct access_options {
    struct common_options common;
    const char *person, *verbs, *queue, *categories, *ticket, *reason, *purpose;
    const char *from, *until; /* RFC 3339, or "+8h", "+30m", "+7d" from now */
    const char *uses;
    const char *break_glass, *note;
    bool deny, live;
    char **words; /* what is no option: after the command and its own word */
    int word_count;
};
/* The command's own word is argv[1] when `has_verb` is set. False after having said what is wrong. */
bool access_parse(int argc, char **argv, bool own_word, struct access_options *o);

/* Opens settings and the door; EXIT_YES, or the exit status after having said what is wrong. */
struct access_door {
    struct settings *settings;
    struct door door;
};
int access_open(const struct access_options *o, struct access_door *ret);
void access_close(struct access_door *door);
/* The installation's store, to look up what people call things by. The caller closes it. */
struct store;
enum sd_err access_store(const struct access_door *door, struct store **ret) SD_MUST_CHECK;

/* "open" or "open,list"; false after having said what is wrong. */
bool read_verbs(const char *text, uint32_t *ret);
bool read_verb(const char *text, enum verb *ret);
bool read_categories(const char *text, uint8_t *ret); /* NULL: all */
bool read_time(const char *text, int64_t *ret_ms);    /* NULL: 0 */

/* "ticket 17", "ticket 0123…", "queue support", or nothing. */
struct about {
    uint8_t ticket[16];
    bool has_ticket;
    const char *queue;
    uint8_t category;
};
bool read_about(const struct access_door *door, const struct access_options *o, int first_word, struct about *ret);
struct span about_ticket(const struct about *about);

/* An error, or the keeper's sentence about what is wrong; the exit status. */
int report_done(const char *command, enum sd_err err, struct span problem);

#endif
