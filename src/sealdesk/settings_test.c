#include "sealdesk/settings.h"

#include "auth/policy.h"
#include "sealdesk/gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char good[] =
    "main { hostname = \"mail.a.example\"\n domains = \"a.example,b.example\" }\n"
    "queue \"support\" { address = \"Support@A.example\" }\nqueue \"billing\" { address = \"billing@b.example\" }\n"
    "inspect { workers = 3\n public_suffix = true }\n";

static enum sd_err load(const char *text, const char *override, struct settings **ret) {
    char path[] = "/tmp/sealdesk-settings.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    enum sd_err err = settings_load(path, &override, override ? 1 : 0, ret);
    (void)unlink(path);
    return err;
}

static void reads_values_defaults_and_queues(SD_UNUSED void **state) {
    struct settings *s = NULL;
    assert_int_equal(load(good, "smtp.max_commands=17", &s), SD_OK);
    assert_string_equal(settings_text(s, "main.hostname"), "mail.a.example");
    assert_int_equal(settings_int(s, "inspect.workers"), 3);
    assert_true(settings_bool(s, "inspect.public_suffix"));
    assert_int_equal(settings_int(s, "smtp.max_commands"), 17);
    assert_string_equal(settings_text(s, "desk.listen"), "127.0.0.1:8025");
    assert_int_equal(s->queue_count, 2);
    assert_string_equal(s->queues[0].address, "support@a.example");
    assert_string_equal(s->data_dir, "/tmp");
    assert_int_equal(settings_check(s, stderr), 0);
    settings_free(&s);
    assert_null(s);
}

static void a_role_is_told_only_what_it_may_know(SD_UNUSED void **state) {
    struct settings *s = NULL;
    struct buf lines = buf_new(65536);
    assert_int_equal(load(good, NULL, &s), SD_OK);
    settings_lines(s, FOR_DNS, &lines);
    assert_true(span_search(buf_span(&lines), SPAN("dns.resolver=")) < lines.n);
    assert_int_equal(span_search(buf_span(&lines), SPAN("tls_key")), lines.n);
    assert_int_equal(span_search(buf_span(&lines), SPAN("queue.")), lines.n);
    buf_reset(&lines);
    settings_lines(s, FOR_EDGE, &lines);
    assert_true(span_search(buf_span(&lines), SPAN("queue.support=support@a.example\n")) < lines.n);
    buf_free(&lines);
    settings_free(&s);
}

static void wrong_files_are_refused(SD_UNUSED void **state) {
    static const char *const bad[] = {"main { nonsense = \"x\" }",
                                      "nonsense { a = 1 }",
                                      "inspect { workers = many }",
                                      "inspect { public_suffix = perhaps }",
                                      "queue \"x\" { }",
                                      "main { hostname = \"open",
                                      "queue \"x\" { address = \"nodomain\" }"};
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct settings *s = NULL;
        assert_int_equal(load(bad[i], NULL, &s), SD_ERR_CONFIG);
        assert_null(s);
    }
    struct settings *s = NULL;
    assert_int_equal(load(good, "smtp.nonsense=1", &s), SD_ERR_CONFIG);
    assert_int_equal(load(good, "smtp.max_commands", &s), SD_ERR_CONFIG);
    assert_int_equal(settings_load("/nonexistent", NULL, 0, &s), SD_ERR_CONFIG);
}

/* How many problems the check finds when one setting is replaced. */
static unsigned problems(const char *override) {
    struct settings *s = NULL;
    FILE *nowhere = fopen("/dev/null", "w");
    assert_int_equal(load(good, override, &s), SD_OK);
    unsigned n = settings_check(s, nowhere);
    settings_free(&s);
    (void)fclose(nowhere);
    return n;
}

static void the_check_sees_what_does_not_fit(SD_UNUSED void **state) {
    assert_int_equal(problems("smtp.max_commands=5"), 0);
    assert_int_equal(problems("desk.listen=0.0.0.0:8025"), 1);
    assert_int_equal(problems("desk.listen=unix:/x"), 1);
    assert_int_equal(problems("smtp.listen=nowhere"), 1);
    assert_int_equal(problems("smtp.tls_cert=/etc/passwd"), 1);
    assert_int_equal(problems("inspect.workers=0"), 1);
    assert_int_equal(problems("main.hostname="), 1);
    assert_int_equal(problems("smtp.listen=127.0.0.1:8025"), 1);       /* the desk's */
    assert_int_equal(problems("main.domains=a.example b.example"), 3); /* no domain, and both queues are in none */
    assert_int_equal(problems("main.domains=a.example"), 1);           /* billing's domain is not ours any more */
}

static void every_element_about_senders_is_read(SD_UNUSED void **state) {
    static const char *const right[] = {"gates.open=none",
                                        "gates.append=failed, verified",
                                        "trust.weights=link-mismatch=0, stranger = 1000",
                                        "trust.protected_domains=b.example, xn--bcher-kva.example,",
                                        "trust.protected_names=Jane Boss <jane@b.example>, B Billing",
                                        "trust.forwarders=192.0.2.0/24, 2001:db8::1, mx.b.example",
                                        "trust.refused_senders=b.example, x@b.example",
                                        "trust.history_days=36500"};
    static const char *const wrong[] = {"gates.open=",
                                        "gates.open=verified,,failed",
                                        "gates.reopen=everybody",
                                        "gates.add_people=none, verified",
                                        "trust.weights=nonsense=1",
                                        "trust.weights=stranger=1001",
                                        "trust.weights=stranger",
                                        "trust.flag_at=101",
                                        "trust.history_days=0",
                                        "trust.history_days=36501",
                                        "trust.protected_domains=b_c d.example",
                                        "trust.protected_domains=b\303\274cher.example",
                                        "trust.trusted_sealers=lists",
                                        "trust.protected_names=Jane <jane@b.example",
                                        "trust.protected_names=<jane@b.example>",
                                        "trust.protected_names=Jane jane@b.example>",
                                        "trust.protected_names=Jane <jane>",
                                        "trust.forwarders=192.0.2.1/24",
                                        "trust.forwarders=192.0.2.300",
                                        "trust.forwarders=0.0.0.0/0",
                                        "trust.forwarders=::/0",
                                        "trust.refused_senders=@b.example",
                                        "trust.review_at=4294967296",
                                        "upstream.id=mx.a.example",
                                        "upstream.addresses=192.0.2.1"};
    for (size_t i = 0; i < SD_COUNT(right); i++)
        assert_int_equal(problems(right[i]), 0);
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(problems(wrong[i]), 1);
    assert_int_equal(problems("upstream.addresses=192.0.2.1/24"), 2); /* and there is no upstream.id */
}

static void values_about_attachments_have_words_and_ranges(SD_UNUSED void **state) {
    static const char *const right[] = {"scan.clamd=unix:/run/clamav/clamd.ctl",
                                        "scan.when_down=tempfail",
                                        "scan.malicious=reject",
                                        "scan.rspamd=tcp:127.0.0.1:11333",
                                        "scan.rspamd_controller=unix:/run/x",
                                        "scan.settle_seconds=0",
                                        "scan.retro_days=0",
                                        "scan.signatures=",
                                        "preview.max_pages=500",
                                        "preview.pixels=4000"};
    static const char *const wrong[] = {"scan.clamd=/run/clamav/clamd.ctl",
                                        "scan.clamd=tcp:127.0.0.1:3310",
                                        "scan.when_down=open",
                                        "scan.when_down=",
                                        "scan.malicious=accept",
                                        "scan.rspamd=127.0.0.1:11333",
                                        "scan.rspamd=tls:127.0.0.1:11333",
                                        "scan.rspamd=tcp:localhost:11333", /* who connects asks no DNS */
                                        "scan.rspamd_controller=tcp:127.0.0.1",
                                        "scan.rspamd_password_file=/etc/hostname", /* without the controller */
                                        "scan.signatures=clamav",
                                        "scan.clamd_conf=clamd.conf",
                                        "scan.ask_seconds=0",
                                        "scan.ask_seconds=121", /* the keeper takes one that is silent for gone */
                                        "scan.connections=0",
                                        "scan.timeout_seconds=0",
                                        "scan.entries=0",
                                        "scan.depth=101",
                                        "scan.unpacked_bytes=1048575",
                                        "scan.ratio=0",
                                        "scan.file_seconds=301",
                                        "scan.retro_days=3651",
                                        "scan.settle_seconds=86401",
                                        "preview.max_pages=501",
                                        "preview.seconds=0",
                                        "preview.pixels=4001"};
    for (size_t i = 0; i < SD_COUNT(right); i++)
        assert_int_equal(problems(right[i]), 0);
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(problems(wrong[i]), 1);
}

/* Two lists say the defaults of the gates, and a new file writes them out: all three are the same. */
static void gates_have_one_default(SD_UNUSED void **state) {
    struct settings *s = NULL, *written = NULL;
    struct buf conf = buf_new(65536);
    gates_put_conf(&conf);
    buf_byte(&conf, 0);
    assert_int_equal(load(good, NULL, &s), SD_OK);
    assert_int_equal(load((const char *)conf.p, NULL, &written), SD_OK);
#define X(name, key, levels, meaning)                                                                                          \
    assert_string_equal(settings_text(s, "gates." key), levels);                                                               \
    assert_string_equal(settings_text(written, "gates." key), levels);
    GATE_LIST(X)
#undef X
    assert_string_equal(settings_text(s, "trust.flag_at"), settings_text(written, "trust.flag_at"));
    assert_string_equal(settings_text(s, "trust.review_at"), settings_text(written, "trust.review_at"));
    buf_free(&conf);
    settings_free(&s);
    settings_free(&written);
}

/* What gates_warn() says with one setting replaced. */
static bool warns(const char *override, const char *part) {
    struct settings *s = NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    assert_non_null(to);
    assert_int_equal(load(good, override, &s), SD_OK);
    gates_warn(s, to);
    assert_int_equal(fclose(to), 0);
    bool found = part ? strstr(text, part) != NULL : n > 0;
    free(text);
    settings_free(&s);
    return found;
}

static void gates_that_let_forgeries_in_are_named(SD_UNUSED void **state) {
    assert_false(warns(NULL, NULL));
    assert_false(warns("gates.append=verified, unverified, failed", NULL)); /* a choice: it stays marked as failed */
    assert_false(warns("gates.review=none", NULL));
    assert_true(warns("gates.customer=verified, failed", "gates.customer lets forgeries"));
    assert_true(warns("gates.auto_answer=failed", "gates.auto_answer lets forgeries"));
}

static void the_table_says_who_may(SD_UNUSED void **state) {
    struct settings *s = NULL;
    struct buf table = buf_new(65536);
    assert_int_equal(load(good, "gates.reopen=failed", &s), SD_OK);
    gates_put_table(s, &table);
    struct span text = buf_span(&table);
    struct span row = span_from(text, span_search(text, SPAN("\nreopen ")) + 1);
    row = span_sub(row, 0, span_find(row, '\n'));
    assert_true(span_ends(row, SPAN("no          no          yes")));
    buf_free(&table);
    settings_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_values_defaults_and_queues),
                                       cmocka_unit_test(a_role_is_told_only_what_it_may_know),
                                       cmocka_unit_test(wrong_files_are_refused),
                                       cmocka_unit_test(the_check_sees_what_does_not_fit),
                                       cmocka_unit_test(every_element_about_senders_is_read),
                                       cmocka_unit_test(values_about_attachments_have_words_and_ranges),
                                       cmocka_unit_test(gates_have_one_default),
                                       cmocka_unit_test(gates_that_let_forgeries_in_are_named),
                                       cmocka_unit_test(the_table_says_who_may)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
