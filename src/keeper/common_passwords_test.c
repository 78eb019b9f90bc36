/*
 * What people do to reach fifteen characters is refused; passphrases and random strings are not, and how often they are all the
 * same is counted. The first argument names the file of English words that passphrases are made of; SEED=N repeats a run.
 */
#include "core/buf.h"
#include "keeper/common_passwords.h"
#include "keeper/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ROUNDS 2000

static const struct span person[] = {{(const uint8_t *)"anna.meier@desk.example", 23},
                                     {(const uint8_t *)"Anna Meier", 10},
                                     {(const uint8_t *)"support.example.test", 20}};

static enum password_guess judge(struct span password) {
    return password_guess(password, person, SD_COUNT(person));
}

static const struct {
    const char *password;
    enum password_guess guess;
} cases[] = {
    /* as they are on the lists, in capitals, with signs for letters */
    {"1qaz2wsx3edc4rfv", PASSWORD_LISTED},
    {"mailcreated5240", PASSWORD_LISTED},
    {"1234567890QWERTY", PASSWORD_LISTED},
    {"P@55w0rd5tandard", PASSWORD_LISTED},
    /* one entry, and digits, signs, years */
    {"Password2024!!!", PASSWORD_BUILT},
    {"Password12345678", PASSWORD_BUILT},
    {"!!!!password!!!!", PASSWORD_BUILT},
    {"Sunshine20191231", PASSWORD_BUILT},
    {"tigger8473920156", PASSWORD_BUILT},
    {"p4ssw0rd83920174", PASSWORD_BUILT},
    {"5unsh1ne84736291", PASSWORD_BUILT},
    {"Elizabeth1985!!", PASSWORD_BUILT},
    {"encyclopedia1985", PASSWORD_BUILT},
    {"drowssap12345678", PASSWORD_BUILT},
    /* again and again */
    {"passwordpassword", PASSWORD_BUILT},
    {"iloveyouiloveyou", PASSWORD_BUILT},
    {"P@ssw0rd!P@ssw0rd!", PASSWORD_BUILT},
    {"letmeinletmein12", PASSWORD_BUILT},
    {"trustno1trustno1", PASSWORD_BUILT},
    {"drowssappassword", PASSWORD_BUILT},
    {"password1password2password3", PASSWORD_BUILT},
    {"Summer2024Summer", PASSWORD_BUILT},
    /* two of the most common */
    {"dragonmaster2019!", PASSWORD_BUILT},
    {"liverpoolchelsea", PASSWORD_BUILT},
    {"football-baseball", PASSWORD_BUILT},
    {"monkey.dragon.12", PASSWORD_BUILT},
    {"superman batman 99", PASSWORD_BUILT},
    {"passwordqwerty123", PASSWORD_BUILT},
    {"sunshine83749201princess", PASSWORD_BUILT},
    /* few characters */
    {"aaaaaaaaaaaaaaa", PASSWORD_REPEATED},
    {"abababababababab", PASSWORD_REPEATED},
    {"asdasdasdasdasd", PASSWORD_REPEATED},
    {"abcdabcdabcdabcdab", PASSWORD_REPEATED},
    {"xyxxyyxyxyyxxyxyxy", PASSWORD_REPEATED},
    {"               ", PASSWORD_REPEATED},
    {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
     PASSWORD_REPEATED},
    {"k3x9pk3x9pk3x9p", PASSWORD_BUILT},
    {"aaaaaaaaaaaaaab", PASSWORD_REPEATED},
    {"aaabbbcccdddeee", PASSWORD_BUILT},
    /* walks and runs, in both directions */
    {"qwertyuiopasdfgh", PASSWORD_BUILT},
    {"poiuytrewqlkjhg", PASSWORD_BUILT},
    {"asdfghjklqwertyuiop", PASSWORD_BUILT},
    {"qwertzuiopasdfg", PASSWORD_BUILT},
    {"azertyuiopqsdfg", PASSWORD_BUILT},
    {"!@#$%^&*()_+!@#", PASSWORD_BUILT},
    {"7894561230789456", PASSWORD_BUILT},
    {"123456789012345", PASSWORD_BUILT},
    {"987654321987654", PASSWORD_BUILT},
    {"123454321234543", PASSWORD_BUILT},
    {"abcdefghijklmnop", PASSWORD_BUILT},
    {"zyxwvutsrqponmlk", PASSWORD_BUILT},
    {"a1b2c3d4e5f6g7h8", PASSWORD_BUILT},
    {"1a2b3c4d5e6f7g8h", PASSWORD_BUILT},
    {"abcdefg 12345678", PASSWORD_BUILT},
    /* who and where */
    {"anna.meier@desk.example", PASSWORD_PERSONAL},
    {"Anna.Meier@Desk.Example1", PASSWORD_PERSONAL},
    {"annameier1985!!!", PASSWORD_PERSONAL},
    {"annameierdesk2024", PASSWORD_PERSONAL},
    {"4nn4m3i3rd3sk99", PASSWORD_PERSONAL},
    {"sealdesk-support-2024", PASSWORD_PERSONAL},
    {"SealdeskSealdesk1", PASSWORD_PERSONAL},
    {"sealdesk83749201", PASSWORD_PERSONAL},
    {"support.example.test", PASSWORD_PERSONAL},
    /* good ones */
    {"correct horse battery staple", PASSWORD_UNCOMMON},
    {"correct horse battery", PASSWORD_UNCOMMON},
    {"correcthorsebatterystaple", PASSWORD_UNCOMMON},
    {"a long demo password, not for real", PASSWORD_UNCOMMON},
    {"winter river table song", PASSWORD_UNCOMMON},
    {"kaffee tasse baum wolke", PASSWORD_UNCOMMON},
    {"desk lamp river orange", PASSWORD_UNCOMMON},
    {"x7Kq92LmPz41RtVw", PASSWORD_UNCOMMON},
    {"k3J-9fQ2-xZ8m-1LpT", PASSWORD_UNCOMMON},
    {"7391048271936450", PASSWORD_UNCOMMON},
    {"anna.meier Q7wpZ4kd9", PASSWORD_UNCOMMON}, /* enough besides the name */
    {"\xd1\x8f\xd0\xb1\xd0\xbb\xd0\xbe\xd0\xba\xd0\xbe \xd0\xb4\xd0\xbe\xd0\xbc \xd0\xbb\xd0\xb8\xd1\x81\xd0\xb0",
     PASSWORD_UNCOMMON},
};

static void each_case(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        enum password_guess got = judge(span_cstr(cases[i].password));
        if (got != cases[i].guess)
            fail_msg("%s: %d", cases[i].password, got);
    }
}

static uint64_t random_state;

static unsigned roll(unsigned sides) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % sides;
}

static char *words[30000];
static unsigned word_count;

static int read_words(const char *path) {
    char line[256];
    FILE *f = path ? fopen(path, "r") : NULL;
    if (!f)
        return -1;
    while (word_count < SD_COUNT(words) && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        words[word_count++] = strdup(line);
    }
    return fclose(f);
}

/* Of every 10,000 passphrases, how many are refused? */
static unsigned refused_passphrases(unsigned of_words, unsigned length, const char *between) {
    unsigned refused = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(1000);
        for (unsigned n = 0; n < length; n++) {
            buf_text(&text, n ? between : "");
            buf_text(&text, words[roll(of_words)]);
        }
        refused += judge(buf_span(&text)) != PASSWORD_UNCOMMON;
    }
    return refused * (10000 / ROUNDS);
}

static void passphrases_pass(SD_UNUSED void **state) {
    static const struct {
        unsigned of_words, length, most; /* of 10,000 */
        const char *between;
    } kinds[] = {{30000, 4, 49, " "}, {30000, 4, 49, ""}, {30000, 4, 49, "-"},
                 {2000, 4, 49, " "},  {2000, 4, 49, ""},  {7776, 3, 100, " "}};
    assert_int_equal(word_count, 30000);
    for (size_t i = 0; i < SD_COUNT(kinds); i++) {
        unsigned refused = refused_passphrases(kinds[i].of_words, kinds[i].length, kinds[i].between);
        print_message("%u of the first %u words, '%s' between them: %u of 10,000 refused\n", kinds[i].length, kinds[i].of_words,
                      kinds[i].between, refused);
        assert_true(refused <= kinds[i].most);
    }
}

static void random_strings_pass(SD_UNUSED void **state) {
    static const struct {
        const char *alphabet;
        unsigned length, most; /* of 10,000 */
    } kinds[] = {{"abcdefghijklmnopqrstuvwxyz", 15, 0},
                 {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 15, 0},
                 {"0123456789abcdef", 16, 49},
                 {"0123456789", 16, 49}};
    for (size_t i = 0; i < SD_COUNT(kinds); i++) {
        unsigned refused = 0;
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint8_t text[32];
            for (unsigned n = 0; n < kinds[i].length; n++)
                text[n] = (uint8_t)kinds[i].alphabet[roll((unsigned)strlen(kinds[i].alphabet))];
            refused += judge(span_of(text, kinds[i].length)) != PASSWORD_UNCOMMON;
        }
        refused *= 10000 / ROUNDS;
        print_message("%u of %s: %u of 10,000 refused\n", kinds[i].length, kinds[i].alphabet, refused);
        assert_true(refused <= kinds[i].most);
    }
}

/* Any word of those that the list has, with anything behind it that is no letter. */
static void padded_words_do_not(SD_UNUSED void **state) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(1000);
        const char *word = words[roll(5000)];
        size_t n = strlen(word);
        if (n < 4 || strspn(word, "abcdefghijklmnopqrstuvwxyz") != n)
            continue;
        buf_text(&text, word);
        while (text.n < 15)
            buf_byte(&text, (uint8_t) "0123456789!?."[roll(13)]);
        if (judge(buf_span(&text)) == PASSWORD_UNCOMMON)
            fail_msg("%.*s", SPAN_FMT(buf_span(&text)));
    }
}

static double cpu_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* Of 28 characters, and of as many as are looked at. Sanitizers and busy machines get ten times as long as is asked for. */
static void quick(SD_UNUSED void **state) {
    static const size_t lengths[] = {28, GUESS_MAX, 1024};
    for (size_t i = 0; i < SD_COUNT(lengths); i++) {
        uint8_t text[1024];
        for (size_t n = 0; n < sizeof text; n++)
            text[n] = (uint8_t)('a' + roll(26));
        double start = cpu_ms();
        for (unsigned round = 0; round < 100; round++)
            assert_int_equal(judge(span_of(text, lengths[i])), PASSWORD_UNCOMMON);
        double each = (cpu_ms() - start) / 100;
        print_message("%zu bytes: %.3f ms\n", lengths[i], each);
        assert_true(each < 10);
    }
}

static void any_bytes(SD_UNUSED void **state) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t text[300];
        unsigned n = roll(sizeof text), kinds = 1 + roll(255);
        for (unsigned i = 0; i < n; i++)
            text[i] = (uint8_t)roll(kinds);
        struct span context = span_of(text, roll(n + 1));
        (void)password_guess(span_of(text, n), &context, 1);
    }
    assert_int_not_equal(password_guess(SPAN_NONE, NULL, 0), PASSWORD_UNCOMMON);
}

static void sentences(SD_UNUSED void **state) {
    assert_string_equal(password_guess_sentence(PASSWORD_LISTED),
                        "This password is on lists of common and breached passwords.");
    assert_string_equal(password_guess_sentence((enum password_guess)99), password_guess_sentence(PASSWORD_LISTED));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case),
        cmocka_unit_test(passphrases_pass),
        cmocka_unit_test(random_strings_pass),
        cmocka_unit_test(padded_words_do_not),
        cmocka_unit_test(quick),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(sentences),
    };
    const char *seed = getenv("SEED");
    random_state = (seed ? strtoul(seed, NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (read_words(argc > 1 ? argv[1] : NULL) != 0 || word_count == 0) {
        print_message("usage: common_passwords_test english_words.txt\n");
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    while (word_count)
        free(words[--word_count]);
    return failed;
}
