/* sealdesk dns, dns check: what the world must be told in the DNS, and whether it sees it. */
#include "sealdesk/cli.h"

#include "auth/dns_ipc.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "sealdesk/dns_check.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ZONE_BYTES 65536
#define ASK_KEEPER_MS 10000
#define CHECK_MS 120000 /* all questions: each has its own, shorter limit in the dns process */
#define CHECK_BYTES ((size_t)64 * 1024 * 1024)

void put_zone_json(struct json_out *j, struct span zone) {
    struct span_split split = span_split_start(zone);
    struct span line;
    json_begin_array(j, "records");
    while (span_split_next(&split, '\n', &line))
        if (line.n && line.p[0] != ';')
            json_text(j, NULL, line);
    json_end(j);
}

static void print_dns(struct span zone, struct span keys) {
    struct buf out SD_CLEANUP(buf_free) = buf_new((size_t)256 * 1024);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    put_zone_json(&j, zone);
    json_raw(&j, "keys", keys);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

/* The keeper's public keys and the lines to publish; says what failed. */
static int ask_keeper(const struct settings *settings, struct buf *keys, struct buf *zone) {
    struct door door;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_public_keys_rep rep;
    err = keeper_public_keys_call(door.keeper, &(struct keeper_public_keys_req){}, deadline_in_ms(ASK_KEEPER_MS), &msg, &rep);
    if (err == SD_OK) {
        buf_put(keys, rep.json);
        err = put_zone(settings, rep.json, zone);
    }
    if (err == SD_OK)
        err = buf_err(keys);
    if (err)
        (void)fprintf(stderr, "sealdesk dns: %s\n", sd_err_text(err));
    door_close(&door);
    return exit_status_of(err);
}

/* ---- dns check ---- */

static void print_findings(const struct dns_check *check) {
    size_t width = 0;
    for (size_t i = 0; i < check->count; i++)
        width = check->findings[i].subject.n > width ? check->findings[i].subject.n : width;
    for (size_t i = 0; i < check->count; i++) {
        const struct finding *f = &check->findings[i];
        (void)printf("%-7s  %.*s%*s  %.*s\n", severity_text(f->severity), SPAN_FMT(f->subject), (int)(width - f->subject.n), "",
                     SPAN_FMT(f->sentence));
        if (f->publish.n)
            (void)printf("         publish: %.*s\n", SPAN_FMT(f->publish));
    }
}

static void put_domains(const struct settings *settings, struct json_out *j) {
    struct span_split split = span_split_start(span_cstr(settings_text(settings, "main.domains")));
    struct span domain;
    json_begin_array(j, "domains");
    while (span_split_next(&split, ',', &domain))
        json_text(j, NULL, span_trim(domain));
    json_end(j);
}

static void print_findings_json(const struct dns_check *check) {
    struct buf out SD_CLEANUP(buf_free) = buf_new((size_t)8 * 1024 * 1024);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    put_domains(check->settings, &j);
    json_begin_array(&j, "findings");
    for (size_t i = 0; i < check->count; i++) {
        const struct finding *f = &check->findings[i];
        json_begin_object(&j, NULL);
        json_cstr(&j, "severity", severity_text(f->severity));
        json_cstr(&j, "id", f->id);
        json_text(&j, "subject", f->subject);
        json_text(&j, "sentence", f->sentence);
        if (f->publish.n)
            json_text(&j, "publish", f->publish);
        else
            json_put_null(&j, "publish");
        json_end(&j);
    }
    json_end(&j);
    json_bool(&j, "ok", dns_check_worst(check) < SEVERITY_UNKNOWN);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

/* The dns process of our own, and all that is asked of it. */
static enum sd_err run_check(struct supervisor *s, struct dns_check *check) {
    struct ipc_client *client = NULL;
    (void)supervisor_add(s, "dns", 0);
    enum sd_err err = supervisor_start(s);
    if (err == SD_OK)
        err = supervisor_connect(s, "dns", PEER_ADMIN, &client);
    if (err == SD_OK) {
        struct dns_source dns = dns_over_ipc(client);
        check->dns = &dns;
        check->deadline = deadline_in_ms(CHECK_MS);
        err = dns_check_all(check);
        check->dns = NULL;
    }
    ipc_client_free(&client);
    return err;
}

/* Its data directory is an empty one: the installation's own may be in use. */
static enum sd_err with_dns_process(struct common_options *options, struct dns_check *check) {
    char dir[SCRATCH_BYTES], data_dir[SCRATCH_BYTES + 16];
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    enum sd_err err = scratch_make(dir);
    if (err)
        return err;
    (void)snprintf(data_dir, sizeof data_dir, "main.data_dir=%s", dir);
    options->overrides[options->override_count++] = data_dir;
    err = settings_load(options->conf, options->overrides, options->override_count, &settings);
    options->override_count--;
    if (err == SD_OK) {
        struct supervisor s = supervisor_new(settings);
        err = run_check(&s, check);
        supervisor_stop(&s);
    }
    scratch_remove(dir);
    return err;
}

static int report(const struct dns_check *check, bool json) {
    enum severity worst = dns_check_worst(check);
    if (json)
        print_findings_json(check);
    else
        print_findings(check);
    return worst == SEVERITY_WRONG ? EXIT_NO : worst == SEVERITY_UNKNOWN ? EXIT_TRY_AGAIN : EXIT_YES;
}

static int check_dns(struct common_options *options, const struct settings *settings) {
    struct buf keys SD_CLEANUP(buf_free) = buf_new(ZONE_BYTES);
    struct buf zone SD_CLEANUP(buf_free) = buf_new(ZONE_BYTES);
    int status = ask_keeper(settings, &keys, &zone);
    if (status)
        return status;
    struct dns_check *check = calloc(1, sizeof *check);
    struct arena *arena = arena_new(CHECK_BYTES);
    enum sd_err err = check && arena ? SD_OK : SD_ERR_NOMEM;
    if (err == SD_OK) {
        check->settings = settings;
        check->arena = arena;
        check->zone = buf_span(&zone);
        check->keys = json_loadb((const char *)keys.p, keys.n, 0, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        err = check->keys ? with_dns_process(options, check) : SD_ERR_PARSE;
        json_decref(check->keys);
    }
    if (err)
        (void)fprintf(stderr, "sealdesk dns check: %s\n", sd_err_text(err));
    status = err ? exit_status_of(err) : report(check, options->json);
    free(check);
    arena_free(&arena);
    return status;
}

/* A resolver that is named is asked, whatever the file says of local data. */
static bool parse_check(int argc, char **argv, struct common_options *options, char *resolver, size_t resolver_bytes) {
    static const struct option known[] = {COMMON_LONG, {"resolver", 1, NULL, 'R'}, {0}};
    int option;
    optind = 1;
    while (options->override_count + 3 < OVERRIDES_MAX && (option = getopt_long(argc, argv, COMMON_SHORT, known, NULL)) != -1) {
        if (option == 'R') {
            (void)snprintf(resolver, resolver_bytes, "dns.resolver=%s", optarg);
            options->overrides[options->override_count++] = resolver;
            options->overrides[options->override_count++] = "dns.local_data=";
        } else if (!take_common_option(option, options))
            return false;
    }
    return optind == argc;
}

static int cmd_dns_check(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    char resolver[300];
    if (!parse_check(argc, argv, &options, resolver, sizeof resolver))
        return usage_of("dns");
    int status = load_quiet(&options, &settings);
    if (status == EXIT_YES && settings_check(settings, stderr) > 0)
        status = EXIT_CONFIG;
    return status ? status : check_dns(&options, settings);
}

int cmd_dns(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct buf keys SD_CLEANUP(buf_free) = buf_new(ZONE_BYTES);
    struct buf zone SD_CLEANUP(buf_free) = buf_new(ZONE_BYTES);
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return cmd_dns_check(argc - 1, argv + 1);
    if (!parse_plain(argc, argv, &options, NULL))
        return EXIT_USAGE;
    int status = load_quiet(&options, &settings);
    if (status == EXIT_YES)
        status = ask_keeper(settings, &keys, &zone);
    if (status == EXIT_YES && options.json)
        print_dns(buf_span(&zone), buf_span(&keys));
    else if (status == EXIT_YES)
        (void)printf("%.*s", SPAN_FMT(buf_span(&zone)));
    return status;
}
