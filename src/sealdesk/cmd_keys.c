/* sealdesk keys list, rotate, wrap: every key there is, new ones, how the root is kept. No key is printed, and none comes here.
 */
#include "sealdesk/cli.h"

#include "core/ipc/keeper.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define ASK_MS 120000 /* new keys for ten thousand pages take seconds */

struct keys_options {
    struct common_options common;
    const char *words[2]; /* kind, domain */
    size_t word_count;
    bool now, activate;
    int64_t from_ms;
    int how; /* WRAP_*; -1: not given */
    const char *passphrase_file;
};

static int keys_usage(void) {
    (void)fprintf(stderr,
                  "usage: sealdesk keys list -c CONF [--json]\n"
                  "       sealdesk keys rotate root|vault|pages|intake -c CONF\n"
                  "       sealdesk keys rotate dkim [DOMAIN] -c CONF                    prepare new ones, to be published\n"
                  "       sealdesk keys rotate dkim [DOMAIN] --activate [--from TIME]   sign with them from then on\n"
                  "       sealdesk keys rotate dkim [DOMAIN] --now                      both at once\n"
                  "       sealdesk keys wrap --passphrase [--passphrase-file F] | --credential | --file -c CONF\n"
                  "TIME: 2026-12-31T08:00:00Z; F may be - for standard input\n");
    return EXIT_USAGE;
}

static bool parse_keys(int argc, char **argv, struct keys_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"now", 0, NULL, 'N'},
                                            {"activate", 0, NULL, 'A'},
                                            {"from", 1, NULL, 'F'},
                                            {"file", 0, NULL, 'p'},
                                            {"credential", 0, NULL, 'C'},
                                            {"passphrase", 0, NULL, 'P'},
                                            {"passphrase-file", 1, NULL, 'I'},
                                            {0}};
    int option;
    bool good = true;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        if (option == 'N')
            o->now = true;
        else if (option == 'A')
            o->activate = true;
        else if (option == 'F')
            good &= take_time(optarg, "%Y-%m-%dT%H:%M:%SZ", &o->from_ms);
        else if (option == 'p' || option == 'C' || option == 'P')
            o->how = option == 'p' ? WRAP_FILE : option == 'C' ? WRAP_CREDENTIAL : WRAP_PASSPHRASE;
        else if (option == 'I')
            o->passphrase_file = optarg;
        else
            good &= take_common_option(option, &o->common);
    }
    while (optind < argc && o->word_count < SD_COUNT(o->words))
        o->words[o->word_count++] = argv[optind++];
    return good && optind == argc && !(o->now && o->activate) && (o->activate || !o->from_ms);
}

/* ---- list ---- */

static const char *text_of(json_t *object, const char *key, const char *otherwise) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

static void put_age(json_t *key, char to[32]) {
    int64_t ms = 0;
    char text[32] = "";
    (void)snprintf(text, sizeof text, "%.19sZ", text_of(key, "made_at", ""));
    if (take_time(text, "%Y-%m-%dT%H:%M:%SZ", &ms))
        (void)snprintf(to, 32, "%lld days", (long long)(clock_unix_ms() - ms) / (24 * 60 * 60 * 1000));
    else
        (void)snprintf(to, 32, "-");
}

static void print_key(struct span line) {
    json_t *key = json_loadb((const char *)line.p, line.n, 0, NULL);
    const char *kind = text_of(key, "kind", "?");
    char what[320] = "", age[32];
    put_age(key, age);
    if (strcmp(kind, "dkim") == 0)
        (void)snprintf(what, sizeof what, "%s._domainkey.%s %s", text_of(key, "selector", ""), text_of(key, "domain", ""),
                       text_of(key, "state", ""));
    else if (strcmp(kind, "pages") == 0)
        (void)snprintf(what, sizeof what, "%lld pages with %lld keys", json_integer_value(json_object_get(key, "pages")),
                       json_integer_value(json_object_get(key, "keys")));
    else
        (void)snprintf(what, sizeof what, "%s", text_of(key, "id", text_of(key, "kept_as", text_of(key, "name", ""))));
    (void)printf("%-7s %4lld  %-9s next by %-25s %s\n", kind, json_integer_value(json_object_get(key, "number")), age,
                 text_of(key, "next_by", "-"), what);
    json_decref(key);
}

static enum sd_err list_keys(struct ipc_client *keeper, const struct keys_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_key_list_rep rep;
    enum sd_err err = keeper_key_list_call(keeper, &(struct keeper_key_list_req){}, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.keys);
    struct span line;
    while (ipc_list_next(&iter, &line)) {
        if (o->common.json)
            (void)printf("%.*s\n", SPAN_FMT(line));
        else
            print_key(line);
    }
    return SD_OK;
}

/* ---- rotate ---- */

static enum sd_err rotate(struct ipc_client *keeper, const struct keys_options *o, uint8_t step) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_key_rotate_rep rep;
    struct keeper_key_rotate_req req = {
        .kind = span_cstr(o->words[0]), .domain = span_cstr(o->words[1]), .step = step, .at_ms = o->from_ms};
    enum sd_err err = keeper_key_rotate_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.done);
    struct span line;
    while (ipc_list_next(&iter, &line))
        (void)printf("%.*s\n", SPAN_FMT(line));
    if (rep.problem.n)
        (void)fprintf(stderr, "sealdesk keys rotate: %.*s\n", SPAN_FMT(rep.problem));
    return rep.problem.n ? SD_ERR_UNSUPPORTED : SD_OK;
}

static enum sd_err rotate_keys(struct ipc_client *keeper, const struct keys_options *o) {
    bool dkim = strcmp(o->words[0], "dkim") == 0;
    enum sd_err err = o->activate ? SD_OK : rotate(keeper, o, ROTATE_PREPARE);
    if (err == SD_OK && dkim && (o->activate || o->now))
        err = rotate(keeper, o, ROTATE_ACTIVATE);
    if (err == SD_OK && dkim)
        (void)printf(o->activate || o->now
                         ? "Keep the records of the ones before for a week: sealdesk dns still prints them.\n"
                         : "Publish what sealdesk dns prints; when the world sees it: sealdesk keys rotate dkim --activate\n");
    return err;
}

/* ---- wrap ---- */

static enum sd_err ask_passphrase(const struct keys_options *o, struct secret *ret) {
    if (o->how != WRAP_PASSPHRASE)
        return SD_OK;
    return o->passphrase_file ? passphrase_from_file(o->passphrase_file, ret) : passphrase_twice(ret);
}

static enum sd_err wrap_keys(struct ipc_client *keeper, const struct keys_options *o) {
    static const char *const settings[] = {"file", "credential:NAME", "passphrase"};
    struct secret passphrase SD_CLEANUP(secret_free) = {0};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_root_wrap_rep rep;
    enum sd_err err = ask_passphrase(o, &passphrase);
    if (err)
        return err;
    struct keeper_root_wrap_req req = {.how = (uint8_t)o->how, .passphrase = secret_span(&passphrase)};
    err = keeper_root_wrap_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n) {
        (void)fprintf(stderr, "sealdesk keys wrap: %.*s\n", SPAN_FMT(rep.problem));
        return SD_ERR_UNSUPPORTED;
    }
    (void)printf("Done. From the next start on it is keeper { root = \"%s\" } in the configuration.\n"
                 "Copies of root.key made before still open it until sealdesk keys rotate root.\n",
                 settings[o->how]);
    return SD_OK;
}

static enum sd_err do_keys(struct ipc_client *keeper, const struct keys_options *o, const char *what) {
    if (strcmp(what, "list") == 0)
        return list_keys(keeper, o);
    return strcmp(what, "wrap") == 0 ? wrap_keys(keeper, o) : rotate_keys(keeper, o);
}

static bool is_whole(const struct keys_options *o, const char *what) {
    if (strcmp(what, "rotate") == 0)
        return o->word_count >= 1 && o->how < 0;
    if (strcmp(what, "wrap") == 0)
        return o->word_count == 0 && o->how >= 0;
    return strcmp(what, "list") == 0 && o->word_count == 0;
}

int cmd_keys(int argc, char **argv) {
    struct keys_options o = {.how = -1};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    hold_secrets();
    if (argc < 2 || !parse_keys(argc - 1, argv + 1, &o) || !is_whole(&o, argv[1]))
        return keys_usage();
    int status = load_quiet(&o.common, &settings);
    if (status)
        return status;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    err = do_keys(door.keeper, &o, argv[1]);
    if (err && err != SD_ERR_UNSUPPORTED)
        (void)fprintf(stderr, "sealdesk keys: %s\n", sd_err_text(err));
    door_close(&door);
    return exit_status_of(err);
}
