/* sealdesk check: is what is configured right, and what does it let messages do. */
#include "sealdesk/cli.h"

#include "core/json_out.h"
#include "sealdesk/gates.h"
#include "sealdesk/scan_check.h"
#include "sealdesk/settings_check.h"

#include <stdlib.h>
#include <string.h>

/* Swap that is not encrypted can hold what was never to be on a disk in clear. */
static void warn_swap(FILE *to) {
    FILE *f = fopen("/proc/swaps", "re");
    char line[512];
    unsigned lines = 0;
    while (f && fgets(line, sizeof line, f))
        if (lines++ > 0 && !strstr(line, "/zram") && !strstr(line, "/dm-"))
            (void)fprintf(to, "swap is on and does not look encrypted (%.*s): switch it off or encrypt it\n",
                          (int)strcspn(line, " \t\n"), line);
    if (f)
        (void)fclose(f);
}

static void warn_all(const struct settings *settings, FILE *to) {
    warn_swap(to);
    gates_warn(settings, to);
    settings_warn_keys(settings, to);
    scan_warn(settings, to);
    if (!*settings_text(settings, "smtp.tls_cert"))
        (void)fprintf(to, "smtp.tls_cert is not set: senders cannot encrypt\n");
}

static void put_lines(struct json_out *j, const char *key, struct span text) {
    struct span_split split = span_split_start(text);
    struct span line;
    json_begin_array(j, key);
    while (span_split_next(&split, '\n', &line))
        if (line.n)
            json_text(j, NULL, line);
    json_end(j);
}

static void print_check(const struct settings *settings, unsigned count, struct span problems, struct span warnings,
                        bool json) {
    struct buf out SD_CLEANUP(buf_free) = buf_new((size_t)256 * 1024);
    struct span_split split = span_split_start(warnings);
    struct span line;
    if (json) {
        struct json_out j = json_out(&out);
        json_begin_object(&j, NULL);
        json_bool(&j, "ok", count == 0);
        put_lines(&j, "problems", problems);
        put_lines(&j, "warnings", warnings);
        gates_put_json(settings, &j);
        json_end(&j);
        (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
        return;
    }
    (void)fprintf(stderr, "%.*s", SPAN_FMT(problems));
    gates_put_table(settings, &out);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
    while (span_split_next(&split, '\n', &line))
        if (line.n)
            (void)printf("warning: %.*s\n", SPAN_FMT(line));
    (void)printf(count == 0 ? "ok\n" : count == 1 ? "1 problem\n" : "%u problems\n", count);
}

static int check(const struct settings *settings, bool json) {
    char *problems = NULL, *warnings = NULL;
    size_t problem_bytes = 0, warning_bytes = 0;
    FILE *p = open_memstream(&problems, &problem_bytes), *w = open_memstream(&warnings, &warning_bytes);
    unsigned count = p ? settings_check(settings, p) : 1;
    if (w)
        warn_all(settings, w);
    bool good = p && w && fflush(p) == 0 && fflush(w) == 0;
    if (good)
        print_check(settings, count, span_of(problems, problem_bytes), span_of(warnings, warning_bytes), json);
    if (p)
        (void)fclose(p);
    if (w)
        (void)fclose(w);
    free(problems);
    free(warnings);
    return !good ? EXIT_NO : count ? EXIT_CONFIG : EXIT_YES;
}

int cmd_check(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    bool keys = false;
    if (!parse_plain(argc, argv, &options, &keys))
        return EXIT_USAGE;
    if (keys) {
        settings_describe(stdout);
        return EXIT_YES;
    }
    int status = load_common(&options, &settings);
    return status ? status : check(settings, options.json);
}
