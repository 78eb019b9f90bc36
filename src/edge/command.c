#include "edge/command.h"

#include "core/log.h"

static const struct command commands[] = {
    /* verb, handler, legal in, TLS, arguments, counted */
    {"EHLO", cmd_ehlo, STATE_ANY, TLS_EITHER, ARGS_NEEDED, true},
    {"HELO", cmd_helo, STATE_ANY, TLS_EITHER, ARGS_NEEDED, true},
    {"MAIL", cmd_mail, STATE_READY, TLS_EITHER, ARGS_NEEDED, false},
    {"RCPT", cmd_rcpt, STATE_MAIL | STATE_RECIPIENTS, TLS_EITHER, ARGS_NEEDED, false},
    {"DATA", cmd_data, STATE_RECIPIENTS, TLS_EITHER, ARGS_NONE, false},
    {"STARTTLS", cmd_starttls, STATE_READY, TLS_NEVER, ARGS_NONE, true},
    {"RSET", cmd_rset, STATE_ANY, TLS_EITHER, ARGS_NONE, true},
    {"NOOP", cmd_noop, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"VRFY", cmd_vrfy, STATE_ANY, TLS_EITHER, ARGS_NEEDED, true},
    {"HELP", cmd_help, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"QUIT", cmd_quit, STATE_ANY, TLS_EITHER, ARGS_NONE, true},
    {"GET", cmd_foreign, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"POST", cmd_foreign, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"PUT", cmd_foreign, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"CONNECT", cmd_foreign, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
    {"OPTIONS", cmd_foreign, STATE_ANY, TLS_EITHER, ARGS_ANY, true},
};

enum session_state session_state(const struct session *s) {
    if (s->hello == HELLO_NONE)
        return STATE_NEW;
    if (!s->transaction)
        return STATE_READY;
    return s->transaction->recipient_count ? STATE_RECIPIENTS : STATE_MAIL;
}

const struct command *command_find(struct span verb) {
    for (size_t i = 0; i < SD_COUNT(commands); i++)
        if (span_ieq(span_cstr(commands[i].verb), verb))
            return &commands[i];
    return NULL;
}

/* Counts commands that move no mail. False: one too many. */
static bool counted(struct session *s, const struct command *command) {
    if (command && !command->counted)
        return true;
    if (++s->commands <= s->edge->limits.value[EDGE_COMMANDS])
        return true;
    limit_hit(&s->edge->limits, EDGE_COMMANDS, s->id);
    session_reply(s, "421 4.7.0 %.*s Too many commands, closing", SPAN_FMT(s->edge->hostname));
    s->closing = true;
    return false;
}

static bool transport_ok(const struct session *s, const struct command *command) {
    bool in_tls = s->tls_session != NULL;
    return command->tls == TLS_EITHER || (command->tls == TLS_ONLY && in_tls) || (command->tls == TLS_NEVER && !in_tls);
}

void command_run(struct session *s, struct span line) {
    struct span trimmed = span_trim(line);
    size_t n = span_find(trimmed, ' ');
    struct span args = span_trim(span_from(trimmed, n));
    const struct command *command = command_find(span_sub(trimmed, 0, n));
    if (!counted(s, command))
        return;
    if (!command)
        session_refuse(s, "500 5.5.1 Command not recognised");
    else if (!(command->states & session_state(s)) || !transport_ok(s, command))
        session_refuse(s, "503 5.5.1 Not now: bad sequence of commands");
    else if (command->args == ARGS_NONE && args.n)
        session_refuse(s, "501 5.5.4 %s takes no parameters", command->verb);
    else if (command->args == ARGS_NEEDED && !args.n)
        session_refuse(s, "501 5.5.4 %s needs a parameter", command->verb);
    else
        command->run(s, args);
}

bool command_param(struct span *rest, struct span *ret_key, struct span *ret_value) {
    *rest = span_trim(*rest);
    if (rest->n == 0)
        return false;
    struct span word = span_sub(*rest, 0, span_find(*rest, ' '));
    size_t equals = span_find(word, '=');
    *ret_key = span_sub(word, 0, equals);
    *ret_value = equals < word.n ? span_from(word, equals + 1) : SPAN_NONE;
    *rest = span_from(*rest, word.n);
    return true;
}
