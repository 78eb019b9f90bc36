/*
 * bench-preview RENDER RUNS - how long the pictures of one attachment take, from the clerk's question to its answer: the real
 * role with the real programs. One line of JSON.
 */
#include "render/test_files.h"
#include "render/test_role.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define RUNS_MAX 1000

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(struct test_role *role, const char *kind, const struct buf *file, unsigned runs, bool last) {
    static int64_t took_ns[RUNS_MAX];
    uint32_t pages = 0;
    for (unsigned i = 0; i < runs; i++) {
        int64_t since_ns = clock_mono_ns();
        struct test_pages shown = test_role_ask(role, buf_span(file), "");
        took_ns[i] = clock_mono_ns() - since_ns;
        pages = shown.rep.outcome == RENDER_DONE ? shown.preview.count : 0;
        test_pages_free(&shown);
    }
    qsort(took_ns, runs, sizeof took_ns[0], ascending);
    (void)printf(
        "\"%s\": {\"bytes\": %zu, \"pages\": %u, \"runs\": %u, \"p50_ms\": %.0f, \"p95_ms\": %.0f, \"max_ms\": %.0f}%s", kind,
        file->n, pages, runs, (double)took_ns[runs / 2] / 1e6, (double)took_ns[(runs * 95 - 1) / 100] / 1e6,
        (double)took_ns[runs - 1] / 1e6, last ? "}\n" : ", ");
}

int main(int argc, char **argv) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    struct test_role role;
    unsigned runs = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    if (runs == 0 || runs > RUNS_MAX) {
        (void)fprintf(stderr, "usage: bench-preview RENDER RUNS\n");
        return 2;
    }
    test_role_start(&role, argv[1], 60);
    (void)printf("{");
    test_docx(&file, 10);
    measure(&role, "DOCX", &file, runs, false);
    buf_reset(&file);
    test_pdf(&file, 10);
    measure(&role, "PDF", &file, runs, false);
    buf_reset(&file);
    test_png(&file, 3000, 2000);
    measure(&role, "PNG", &file, runs, false);
    buf_reset(&file);
    for (unsigned line = 0; line < 600; line++)
        buf_printf(&file, "%u: what a log says in one line\n", line);
    measure(&role, "text", &file, runs, true);
    test_role_stop(&role);
    return 0;
}
