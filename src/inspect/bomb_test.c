/*
 * Bombs through all of the inspector, with src/files in its children and Debian's clamd: each costs bounded time and has a
 * verdict that is not clean, and whoever comes meanwhile is served. Archives are made here, by libarchive.
 */
#include "core/codec.h"
#include "core/ipc/states.h"
#include "inspect/clamd_rig.h"
#include "inspect/test_rig.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define ARCHIVE_BYTES ((size_t)24 * 1024 * 1024)
#define BOMB_MS (LETTER_MS + 5000) /* usually a quarter of that; this machine may be busy, or sanitized */
#define OTHER_MS 4000              /* on two busy cores */

static struct clamd_rig clamd;
static struct rig rig;

/* ---- archives ---- */

struct zip {
    struct archive *archive;
    struct buf *to;
};

static la_ssize_t take(struct archive *a, void *ctx, const void *bytes, size_t n) {
    (void)a;
    buf_put(ctx, span_of(bytes, n));
    return (la_ssize_t)n;
}

static struct zip zip_begin(struct buf *to) {
    struct zip zip = {archive_write_new(), to};
    assert_non_null(zip.archive);
    assert_int_equal(archive_write_set_format_zip(zip.archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_per_block(zip.archive, 0), ARCHIVE_OK);
    assert_int_equal(archive_write_open(zip.archive, to, NULL, take, NULL), ARCHIVE_OK);
    return zip;
}

static void zip_add(struct zip *zip, const char *name, struct span content, size_t times) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)(content.n * times));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    assert_int_equal(archive_write_header(zip->archive, entry), ARCHIVE_OK);
    for (size_t i = 0; i < times; i++)
        assert_true(archive_write_data(zip->archive, content.p, content.n) == (la_ssize_t)content.n);
    archive_entry_free(entry);
}

static void zip_end(struct zip *zip) {
    assert_int_equal(archive_write_close(zip->archive), ARCHIVE_OK);
    (void)archive_write_free(zip->archive);
    assert_int_equal(buf_err(zip->to), SD_OK);
}

static void make_deep(struct buf *to) {
    buf_text(to, "at the bottom");
    for (int i = 0; i < 100; i++) {
        struct buf outer = buf_new(ARCHIVE_BYTES);
        struct zip zip = zip_begin(&outer);
        zip_add(&zip, i ? "inner.zip" : "note.txt", buf_span(to), 1);
        zip_end(&zip);
        buf_free(to);
        *to = outer;
    }
}

static void make_many(struct buf *to) {
    struct zip zip = zip_begin(to);
    for (int i = 0; i < 10001; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%d.txt", i);
        zip_add(&zip, name, SPAN("x"), 1);
    }
    zip_end(&zip);
}

static void make_large(struct buf *to) {
    static const uint8_t zeros[PIECE_BYTES];
    struct zip zip = zip_begin(to);
    zip_add(&zip, "zeros.txt", span_of(zeros, sizeof zeros), 16384); /* a gigabyte */
    zip_end(&zip);
}

/* Each of a hundred is under the limits by itself. */
static void make_wide(struct buf *to) {
    static const uint8_t zeros[PIECE_BYTES];
    struct buf inner SD_CLEANUP(buf_free) = buf_new(ARCHIVE_BYTES);
    struct zip small = zip_begin(&inner);
    zip_add(&small, "zeros.txt", span_of(zeros, sizeof zeros), 80); /* 5 MB */
    zip_end(&small);
    struct zip zip = zip_begin(to);
    for (int i = 0; i < 100; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%d.zip", i);
        zip_add(&zip, name, buf_span(&inner), 1);
    }
    zip_end(&zip);
}

/* One page and 17 MiB of numbers: bounded, whatever it is found to be. */
static void make_pdf(struct buf *to) {
    buf_text(to,
             "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
             "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n4 0 obj<</Length 17825792>>stream\n");
    for (size_t i = 0; i < 17825792 / 16; i++)
        buf_text(to, "0 0 m 9 9 l s q\n");
    buf_text(to, "\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");
}

/* ---- letters ---- */

static void put_lines(struct buf *to, struct span s) {
    for (size_t i = 0; i < s.n; i += 57) {
        put_base64(to, span_sub(s, i, 57));
        buf_text(to, "\r\n");
    }
}

static enum object_state judged(struct span content, const char *name) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES + 1024);
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    buf_printf(&letter,
               "From: kim@customer.example\r\nContent-Type: application/octet-stream\r\n"
               "Content-Disposition: attachment; filename=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
               name);
    put_lines(&letter, content);
    assert_int_equal(buf_err(&letter), SD_OK);
    assert_int_equal(rig_judge(&rig, buf_span(&letter), &answer, &rep), SD_OK);
    return (enum object_state)rep.state;
}

struct bomb {
    const char *name;
    void (*make)(struct buf *to);
    struct buf content;
    pthread_t thread;
    int64_t took_ms;
    enum object_state state;
};

static void *explode(void *arg) {
    struct bomb *bomb = arg;
    int64_t since_ns = clock_mono_ns();
    bomb->state = judged(buf_span(&bomb->content), bomb->name);
    bomb->took_ms = (clock_mono_ns() - since_ns) / 1000000;
    return NULL;
}

/* All at once; meanwhile a letter after another is judged. */
static void bombs_cost_little_and_stop_nobody(void **state) {
    (void)state;
    struct bomb bombs[] = {{.name = "deep.zip", .make = make_deep},
                           {.name = "many.zip", .make = make_many},
                           {.name = "large.zip", .make = make_large},
                           {.name = "wide.zip", .make = make_wide},
                           {.name = "page.pdf", .make = make_pdf}};
    int64_t worst_ms = 0;
    for (size_t i = 0; i < SD_COUNT(bombs); i++) {
        bombs[i].content = buf_new(ARCHIVE_BYTES);
        bombs[i].make(&bombs[i].content);
    }
    for (size_t i = 0; i < SD_COUNT(bombs); i++)
        assert_int_equal(pthread_create(&bombs[i].thread, NULL, explode, &bombs[i]), 0);
    for (int i = 0; i < 50; i++) {
        int64_t since_ns = clock_mono_ns();
        assert_int_equal(judged(SPAN("plain text\r\n"), "note.txt"), OBJECT_CLEAN);
        int64_t took_ms = (clock_mono_ns() - since_ns) / 1000000;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    for (size_t i = 0; i < SD_COUNT(bombs); i++) {
        (void)pthread_join(bombs[i].thread, NULL);
        print_message("%s: %zu bytes, %s after %lld ms\n", bombs[i].name, bombs[i].content.n, object_state_text(bombs[i].state),
                      (long long)bombs[i].took_ms);
        assert_true(bombs[i].took_ms < BOMB_MS);
        if (bombs[i].make != make_pdf)
            assert_int_equal(bombs[i].state, OBJECT_UNSCANNABLE);
        buf_free(&bombs[i].content);
    }
    print_message("others: %lld ms at most\n", (long long)worst_ms);
    assert_true(worst_ms < OTHER_MS);
}

static int set_up(void **state) {
    char lines[512];
    (void)state;
    if (!clamd_rig_start(&clamd, ""))
        return 0;
    (void)snprintf(lines, sizeof lines, "scan.clamd=%s\nscan.signatures=%s\n", clamd.endpoint, clamd.signatures);
    rig_start_looking(&rig, "", lines);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clamd_rig_stop(&clamd);
    return 0;
}

static int needs_clamd(void **state) {
    (void)state;
    if (!clamd.pid)
        skip();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(bombs_cost_little_and_stop_nobody, needs_clamd)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
