#include "sealdesk/access_cli.h"
#include "core/codec.h"
#include "store/ticket.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

bool access_parse(int argc, char **argv, bool own_word, struct access_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"person", 1, NULL, 'P'},
                                            {"verb", 1, NULL, 'V'},
                                            {"queue", 1, NULL, 'Q'},
                                            {"category", 1, NULL, 'C'},
                                            {"ticket", 1, NULL, 'T'},
                                            {"reason", 1, NULL, 'R'},
                                            {"purpose", 1, NULL, 'U'},
                                            {"from", 1, NULL, 'F'},
                                            {"until", 1, NULL, 'X'},
                                            {"uses", 1, NULL, 'N'},
                                            {"break-glass", 1, NULL, 'B'},
                                            {"note", 1, NULL, 'O'},
                                            {"deny", 0, NULL, 'D'},
                                            {"live", 0, NULL, 'L'},
                                            {0}};
    const struct {
        int letter;
        const char **to;
    } texts[] = {{'P', &o->person}, {'V', &o->verbs},  {'Q', &o->queue},       {'C', &o->categories},
                 {'T', &o->ticket}, {'R', &o->reason}, {'U', &o->purpose},     {'F', &o->from},
                 {'X', &o->until},  {'N', &o->uses},   {'B', &o->break_glass}, {'O', &o->note}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        bool taken = option == 'D' || option == 'L';
        o->deny |= option == 'D';
        o->live |= option == 'L';
        for (size_t i = 0; i < SD_COUNT(texts) && !taken; i++)
            if (texts[i].letter == option) {
                *texts[i].to = optarg;
                taken = true;
            }
        if (!taken && !take_common_option(option, &o->common))
            return false;
    }
    o->words = argv + optind + (own_word ? 1 : 0);
    o->word_count = argc - optind - (own_word ? 1 : 0);
    return o->word_count >= 0;
}

int access_open(const struct access_options *o, struct access_door *ret) {
    *ret = (struct access_door){0};
    int status = load_quiet(&o->common, &ret->settings);
    if (status)
        return status;
    enum sd_err err = door_open(ret->settings, &ret->door);
    if (err)
        settings_free(&ret->settings);
    return exit_status_of(err);
}

void access_close(struct access_door *door) {
    door_close(&door->door);
    settings_free(&door->settings);
}

/* ---- words ---- */

static void say_verbs(void) {
    (void)fprintf(stderr, "acts:");
    for (unsigned v = 1; v < VERB_COUNT; v++)
        (void)fprintf(stderr, " %s", verb_text(v));
    (void)fprintf(stderr, "\n");
}

bool read_verb(const char *text, enum verb *ret) {
    if (text && verb_from(span_cstr(text), ret) && *ret != VERB_NONE)
        return true;
    (void)fprintf(stderr, "sealdesk: \"%s\" is no act\n", text ? text : "");
    say_verbs();
    return false;
}

bool read_verbs(const char *text, uint32_t *ret) {
    struct span_split split = span_split_start(span_cstr(text));
    struct span part;
    uint32_t verbs = 0;
    while (span_split_next(&split, ',', &part)) {
        enum verb verb;
        if (!verb_from(span_trim(part), &verb) || verb == VERB_NONE) {
            (void)fprintf(stderr, "sealdesk: \"%.*s\" is no act\n", SPAN_FMT(part));
            say_verbs();
            return false;
        }
        verbs |= UINT32_C(1) << verb;
    }
    *ret = verbs;
    return verbs != 0;
}

bool read_categories(const char *text, uint8_t *ret) {
    struct span_split split = span_split_start(span_cstr(text));
    struct span part;
    uint8_t categories = 0;
    *ret = CATEGORIES_ALL;
    if (!text)
        return true;
    while (span_split_next(&split, ',', &part)) {
        enum category category;
        if (!category_from(span_trim(part), &category)) {
            (void)fprintf(stderr, "sealdesk: \"%.*s\" is none of normal, confidential, special\n", SPAN_FMT(part));
            return false;
        }
        categories |= (uint8_t)(1u << category);
    }
    *ret = categories;
    return categories != 0;
}

/* "+8h" from now. */
static bool read_span_of_time(struct span text, int64_t *ret_ms) {
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    uint64_t n = 0;
    if (text.n < 3 || text.p[0] != '+' || span_to_u64(span_sub(text, 1, text.n - 2), &n) != SD_OK || n == 0 || n > 100000)
        return false;
    for (size_t i = 0; i < SD_COUNT(units); i++)
        if (text.p[text.n - 1] == units[i].letter) {
            *ret_ms = clock_unix_ms() + (int64_t)n * units[i].ms;
            return true;
        }
    return false;
}

bool read_time(const char *text, int64_t *ret_ms) {
    *ret_ms = 0;
    if (!text || read_span_of_time(span_cstr(text), ret_ms))
        return true;
    if (!take_time(text, "%Y-%m-%dT%H:%M:%SZ", ret_ms) && !take_time(text, "%Y-%m-%d", ret_ms)) {
        (void)fprintf(stderr, "sealdesk: \"%s\" is no time: 2026-12-31, 2026-12-31T18:00:00Z, +30m, +8h or +7d\n", text);
        return false;
    }
    return true;
}

/* ---- tickets ---- */

enum sd_err access_store(const struct access_door *door, struct store **ret) {
    struct buf dir SD_CLEANUP(buf_free) = buf_new(4096);
    buf_printf(&dir, "%s/store", door->settings->data_dir);
    buf_byte(&dir, 0);
    return buf_err(&dir) == SD_OK ? store_open((const char *)dir.p, ret) : SD_ERR_NOMEM;
}

/* The number that people see is the store's; rights are asked of the keeper by id. */
static bool find_number(const struct access_door *door, uint64_t number, uint8_t ret[16]) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)64 * 1024);
    struct store *store = NULL;
    struct ticket_row row;
    enum sd_err err = arena ? access_store(door, &store) : SD_ERR_NOMEM;
    if (err == SD_OK)
        err = ticket_get_number(store, (int64_t)number, arena, &row);
    if (err == SD_OK)
        memcpy(ret, row.id.b, 16);
    store_close(&store);
    if (err)
        (void)fprintf(stderr, "sealdesk: ticket %llu: %s\n", (unsigned long long)number, sd_err_text(err));
    return err == SD_OK;
}

static bool read_ticket(const struct access_door *door, const char *text, struct about *about) {
    uint64_t number = 0;
    about->has_ticket = true;
    if (hex_to_bytes(span_cstr(text), about->ticket, sizeof about->ticket) == SD_OK)
        return true;
    if (span_to_u64(span_cstr(text), &number) == SD_OK)
        return find_number(door, number, about->ticket);
    (void)fprintf(stderr, "sealdesk: \"%s\" is no ticket: its number, or its id\n", text);
    return false;
}

bool read_about(const struct access_door *door, const struct access_options *o, int first_word, struct about *ret) {
    const char *kind = first_word < o->word_count ? o->words[first_word] : NULL;
    const char *which = first_word + 1 < o->word_count ? o->words[first_word + 1] : NULL;
    enum category category = CATEGORY_NORMAL;
    *ret = (struct about){.queue = o->queue};
    if (o->categories && !category_from(span_cstr(o->categories), &category)) {
        (void)fprintf(stderr, "sealdesk: \"%s\" is none of normal, confidential, special\n", o->categories);
        return false;
    }
    ret->category = (uint8_t)category;
    if (o->ticket)
        return read_ticket(door, o->ticket, ret);
    if (!kind)
        return true;
    if (which && strcmp(kind, "ticket") == 0 && first_word + 2 == o->word_count)
        return read_ticket(door, which, ret);
    if (which && strcmp(kind, "queue") == 0 && first_word + 2 == o->word_count) {
        ret->queue = which;
        return true;
    }
    (void)fprintf(stderr, "sealdesk: say \"ticket NUMBER\" or \"queue NAME\"\n");
    return false;
}

struct span about_ticket(const struct about *about) {
    return about->has_ticket ? span_of(about->ticket, sizeof about->ticket) : SPAN_NONE;
}

/* ---- answers ---- */

int report_done(const char *command, enum sd_err err, struct span problem) {
    if (err || problem.n)
        (void)fprintf(stderr, "sealdesk %s: %.*s\n", command, SPAN_FMT(err ? span_cstr(sd_err_text(err)) : problem));
    return err ? exit_status_of(err) : problem.n ? EXIT_NO : EXIT_YES;
}
