/*
 * command.h - the table of SMTP commands. A command runs only in the states its row names, over the transport its row names,
 * with the arguments its row allows; what has no row is refused. A new command (BDAT, AUTH) is a new row and a new file.
 */
#ifndef SD_EDGE_COMMAND_H
#define SD_EDGE_COMMAND_H

#include "edge/session.h"

/* Where the session stands; bits, because a command names the states it is legal in. */
enum session_state {
    STATE_NEW = 1,        /* no EHLO or HELO yet */
    STATE_READY = 2,      /* no transaction */
    STATE_MAIL = 4,       /* a sender, no recipient */
    STATE_RECIPIENTS = 8, /* at least one recipient */
};
#define STATE_ANY (STATE_NEW | STATE_READY | STATE_MAIL | STATE_RECIPIENTS)
enum session_state session_state(const struct session *s);

enum command_tls { TLS_NEVER = 0, TLS_ONLY, TLS_EITHER };
enum command_args { ARGS_NONE = 0, ARGS_NEEDED, ARGS_ANY };

struct command {
    const char *verb;
    void (*run)(struct session *s, struct span args); /* args without spaces at both ends */
    unsigned states;
    enum command_tls tls;
    enum command_args args;
    bool counted; /* towards EDGE_COMMANDS: those that move no mail */
};

const struct command *command_find(struct span verb); /* NULL: unknown */
void command_run(struct session *s, struct span line);

void cmd_ehlo(struct session *s, struct span args);
void cmd_helo(struct session *s, struct span args);
void cmd_mail(struct session *s, struct span args);
void cmd_rcpt(struct session *s, struct span args);
void cmd_data(struct session *s, struct span args);
void cmd_starttls(struct session *s, struct span args);
void cmd_rset(struct session *s, struct span args);
void cmd_noop(struct session *s, struct span args);
void cmd_vrfy(struct session *s, struct span args);
void cmd_help(struct session *s, struct span args);
void cmd_quit(struct session *s, struct span args);
void cmd_foreign(struct session *s, struct span args); /* another protocol talks to us */

/* Takes the next "KEY" or "KEY=value" off *rest; false at the end. */
bool command_param(struct span *rest, struct span *ret_key, struct span *ret_value);

#endif
