/* Files made to cost: each ends soon, in little memory, with the finding that says why. */
#include "files/files_test.h"

#include <sys/resource.h>
#include <zlib.h>

#define BIT(name) FINDING_BIT(name)
#define PLAIN ((struct zip_oddity){0})
#define SECONDS_MAX 20               /* the budget's ten, on a machine with other things to do */
#define MEMORY_MAX_KB (1200L * 1024) /* of the whole process, ASan's shadow not counted */

static uint64_t judged_in_time(const char *name, struct span content) {
    int64_t start = clock_mono_ns();
    uint64_t findings = judged(name, "", content);
    struct rusage usage;
    if (clock_mono_ns() - start > (int64_t)SECONDS_MAX * 1000000000)
        fail_msg("%s took %lld ms", name, (long long)((clock_mono_ns() - start) / 1000000));
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss < MEMORY_MAX_KB);
    return findings;
}

/* Deflated zeros; raw or with zlib's head. */
static void put_zeros(struct buf *to, size_t n, int window_bits) {
    static uint8_t zeros[65536];
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        uint8_t *p = buf_reserve(to, 65536);
        if (z.avail_in == 0 && n) {
            z.next_in = zeros;
            z.avail_in = (uInt)(n < sizeof zeros ? n : sizeof zeros);
            n -= z.avail_in;
        }
        z.next_out = p;
        z.avail_out = 65536;
        status = deflate(&z, n ? Z_NO_FLUSH : Z_FINISH);
        buf_grew(to, 65536 - z.avail_out);
    }
    (void)deflateEnd(&z);
}

/* A zip file of one deflated entry of n zeros. */
static void make_bomb(struct zip_maker *z, size_t n) {
    struct buf packed SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024);
    put_zeros(&packed, n, -MAX_WBITS);
    zip_put(z, "zeros.txt", buf_span(&packed), (struct zip_oddity){.method = 8, .size = (uint32_t)n});
}

static void one_entry_that_unpacks_to_gigabytes(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    make_bomb(&z, (size_t)1024 * 1024 * 1024);
    assert_has(judged_in_time("a.zip", zip_finish(&z)), BIT(LIMIT_SIZE));
}

static void many_entries_that_share_their_bytes(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    make_bomb(&z, 900 * 1024);
    struct buf directory SD_CLEANUP(buf_free) = buf_new(4096);
    buf_put(&directory, buf_span(&z.directory));
    for (int i = 0; i < 2000; i++) {
        buf_put(&z.directory, buf_span(&directory));
        z.count++;
    }
    assert_has(judged_in_time("a.zip", zip_finish(&z)), BIT(LIMIT_SIZE));
}

static void ten_thousand_entries_and_more(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    for (int i = 0; i < 10000; i++)
        zip_put(&z, "a.txt", SPAN("x\n"), PLAIN);
    struct zip_maker more SD_CLEANUP(zip_maker_free) = zip_maker_new();
    for (int i = 0; i < 60000; i++)
        zip_put(&more, "a.txt", SPAN("x\n"), PLAIN);
    assert_has(judged_in_time("a.zip", zip_finish(&more)), BIT(LIMIT_ENTRIES));
    (void)judged_in_time("a.zip", zip_finish(&z));
}

static uint64_t judge_levels(int levels) {
    struct buf inner SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    buf_text(&inner, "hello\n");
    for (int i = 0; i < levels; i++) {
        struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
        zip_put(&z, "a.zip", buf_span(&inner), PLAIN);
        struct span whole = zip_finish(&z);
        buf_reset(&inner);
        buf_put(&inner, whole);
    }
    return judged_in_time("a.zip", buf_span(&inner));
}

static void a_hundred_levels(void **state) {
    (void)state;
    assert_false(judge_levels(10) & BIT(LIMIT_DEPTH));
    assert_has(judge_levels(20), BIT(LIMIT_DEPTH));
    assert_has(judge_levels(100), BIT(LIMIT_DEPTH));
}

/* Each level holds the next ten times: 10 to the power of its levels, in a few kilobytes when packed. */
static void levels_that_branch(void **state) {
    (void)state;
    struct buf inner SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024);
    put_zeros(&inner, 64 * 1024, MAX_WBITS);
    for (int i = 0; i < 5; i++) {
        struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
        for (int k = 0; k < 10; k++)
            zip_put(&z, "a.zip", buf_span(&inner), PLAIN);
        struct span whole = zip_finish(&z);
        buf_reset(&inner);
        buf_put(&inner, whole);
    }
    uint64_t limits = BIT(LIMIT_ENTRIES) | BIT(LIMIT_SIZE) | BIT(LIMIT_TIME) | BIT(LIMIT_DEPTH);
    assert_true(judged_in_time("a.zip", buf_span(&inner)) & limits);
}

static void gzip_of_zeros(void **state) {
    (void)state;
    struct buf packed SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024);
    put_zeros(&packed, (size_t)1024 * 1024 * 1024, 16 + MAX_WBITS);
    assert_has(judged_in_time("a.gz", buf_span(&packed)), BIT(LIMIT_SIZE));
}

static void pdf_that_inflates(void **state) {
    (void)state;
    struct buf pdf SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024),
                   zeros SD_CLEANUP(buf_free) = buf_new((size_t)4 * 1024 * 1024);
    put_zeros(&zeros, (size_t)512 * 1024 * 1024, MAX_WBITS);
    buf_text(&pdf, "%PDF-1.7\n1 0 obj\n<< /Type /ObjStm /N 1 /First 5 /Filter /FlateDecode >>\nstream\n");
    buf_put(&pdf, buf_span(&zeros));
    buf_text(&pdf, "\nendstream\nendobj\nstartxref\n9\n%%EOF\n");
    assert_has(judged_in_time("a.pdf", buf_span(&pdf)), BIT(LIMIT_SIZE));
}

static void pdf_of_one_long_page(void **state) {
    (void)state;
    struct buf pdf SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024 * 1024);
    buf_text(&pdf, "%PDF-1.4\n1 0 obj\n<< /Length 2 0 R >>\nstream\n");
    while (pdf.n < (size_t)25 * 1024 * 1024)
        buf_text(&pdf, "1 0 0 1 72 720 cm (text) Tj ( /F1 12 Tf <</JS>> 0 0 m 1 1 l S\n");
    buf_text(&pdf, "\nendstream\nendobj\ntrailer\nstartxref\n9\n%%EOF\n");
    assert_exactly(judged_in_time("a.pdf", buf_span(&pdf)), 0);
}

/* Letters as long as may be of one thing over and over: nothing may cost more than its length. */
static void long_and_repetitive(void **state) {
    (void)state;
    static const struct {
        const char *name, *begin, *again;
    } shapes[] = {
        {"a.html", "<html>", "<a b=\""},
        {"a.html", "<html>", "<"},
        {"a.html", "<html>", "<a "},
        {"a.xml", "<?xml?>", "<!ENTITY "},
        {"a.rtf", "{\\rtf1", "{\\object{\\*\\objdata 01"},
        {"a.rtf", "{\\rtf1", "{"},
        {"a.txt", "", "begin 644 a\n"},
        {"a.txt", "", "begin 644 a\n#35J0\n"},
        {"a.pdf", "%PDF-1.4\n", "("},
        {"a.pdf", "%PDF-1.4\n", "stream\n"},
        {"a.pdf", "%PDF-1.4\n", "/OpenAction 1 0 R\n"},
        {"a.csv", "", "=a|b"},
        {"a.csv", "x", ","},
        {"a.csv", "|", "=\t"},
        {"a.slk", "ID;P\n", "C;E;E;E"},
        {"a.eml", "From: a\r\nSubject: b\r\n", "\r\n--x"},
        {"a.bin", "\xff\xd8\xff", "%PDF-endobj"},
        {"a.zip", "PK\3\4", "PK\5\6"},
        {"a.mbox", "From a\nSubject: b\nTo: c\n", "\n\nFrom a\nSubject: b\n"},
        {"a.exe", "MZ\x90", "Rar!\x1a\7"},
    };
    for (size_t i = 0; i < SD_COUNT(shapes); i++) {
        struct buf content SD_CLEANUP(buf_free) = buf_new((size_t)32 * 1024 * 1024);
        buf_text(&content, shapes[i].begin);
        while (content.n < (size_t)20 * 1024 * 1024)
            buf_text(&content, shapes[i].again);
        int64_t start = clock_mono_ns();
        (void)judged_in_time(shapes[i].name, buf_span(&content));
        int64_t ms = (clock_mono_ns() - start) / 1000000;
        if (ms > 1000)
            print_message("%s of <%s>: %lld ms\n", shapes[i].name, shapes[i].again, (long long)ms);
    }
}

static void time_and_budget_are_for_all_files(void **state) {
    (void)state;
    struct files_budget budget = files_budget_default();
    struct files_subject s = {.content = SPAN("hello\n"), .name = SPAN("a.txt")};
    assert_exactly(judged_within(&budget, &s), 0);
    budget.deadline = deadline_in_ms(-1);
    assert_exactly(judged_within(&budget, &s), BIT(LIMIT_TIME));
    budget = files_budget_default();
    budget.bytes_left = 0;
    assert_exactly(judged_within(&budget, &s), BIT(LIMIT_SIZE));
    budget = files_budget_default();
    budget.entries_left = 0;
    s.name = SPAN("a.exe");
    assert_exactly(judged_within(&budget, &s), BIT(LIMIT_ENTRIES) | BIT(EXECUTABLE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_entry_that_unpacks_to_gigabytes),
        cmocka_unit_test(many_entries_that_share_their_bytes),
        cmocka_unit_test(ten_thousand_entries_and_more),
        cmocka_unit_test(a_hundred_levels),
        cmocka_unit_test(levels_that_branch),
        cmocka_unit_test(gzip_of_zeros),
        cmocka_unit_test(pdf_that_inflates),
        cmocka_unit_test(pdf_of_one_long_page),
        cmocka_unit_test(long_and_repetitive),
        cmocka_unit_test(time_and_budget_are_for_all_files),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
