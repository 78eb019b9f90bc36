/* Date (RFC 5322 §3.3, obsolete forms §4.3). */
#include "mail/lex.h"
#include "mail/mail.h"

struct date {
    int64_t year;
    unsigned month, day, hour, minute, second; /* month from 1 */
    int zone_minutes;
};

static bool is_letter(uint8_t c) {
    c = lex_lower(c);
    return c >= 'a' && c <= 'z';
}

static void skip(struct lex *x) {
    (void)lex_while(x, lex_is_space);
}

/* Index of the word in a list of words of three letters, or -1. */
static int in_list(struct span word, const char *list) {
    struct span all = span_cstr(list);
    for (size_t i = 0; word.n == 3 && i < all.n / 3; i++)
        if (span_ieq(word, span_sub(all, 3 * i, 3)))
            return (int)i;
    return -1;
}

static enum sd_err number(struct lex *x, size_t min_digits, size_t max_digits, unsigned *ret) {
    struct span digits = lex_while(x, lex_is_digit);
    uint64_t value;
    if (digits.n < min_digits || digits.n > max_digits || span_to_u64(digits, &value) != SD_OK)
        return SD_ERR_PARSE;
    *ret = (unsigned)value;
    return SD_OK;
}

static enum sd_err day_name(struct lex *x) {
    skip(x);
    if (x->at < x->s.n && lex_is_digit(x->s.p[x->at]))
        return SD_OK;
    if (in_list(lex_while(x, is_letter), "SunMonTueWedThuFriSat") < 0)
        return SD_ERR_PARSE;
    skip(x);
    return lex_take(x, ',') ? SD_OK : SD_ERR_PARSE;
}

/* RFC 5322 §4.3: two digits below 50 are of this century; two others and three digits count from 1900. */
static enum sd_err year(struct lex *x, int64_t *ret) {
    size_t start = x->at;
    unsigned value;
    enum sd_err err = number(x, 2, 4, &value);
    if (err)
        return err;
    size_t digits = x->at - start;
    *ret = value + (digits == 2 && value < 50 ? 2000 : digits < 4 ? 1900 : 0);
    return *ret >= 1900 ? SD_OK : SD_ERR_PARSE;
}

static enum sd_err day_month_year(struct lex *x, struct date *d) {
    skip(x);
    enum sd_err err = number(x, 1, 2, &d->day);
    skip(x);
    int month = in_list(lex_while(x, is_letter), "JanFebMarAprMayJunJulAugSepOctNovDec");
    if (err || month < 0)
        return SD_ERR_PARSE;
    d->month = (unsigned)month + 1;
    skip(x);
    return year(x, &d->year);
}

static enum sd_err time_of_day(struct lex *x, struct date *d) {
    skip(x);
    enum sd_err err = number(x, 1, 2, &d->hour);
    skip(x);
    if (err || !lex_take(x, ':'))
        return SD_ERR_PARSE;
    skip(x);
    err = number(x, 2, 2, &d->minute);
    skip(x);
    if (err || !lex_take(x, ':'))
        return err;
    skip(x);
    return number(x, 2, 2, &d->second);
}

/* RFC 5322 §4.3: the names of North America; every other name says nothing, which is -0000. */
static int zone_by_name(struct span name) {
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"EDT", -4}, {"EST", -5}, {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}};
    for (size_t i = 0; i < SD_COUNT(zones); i++)
        if (span_ieq(name, span_cstr(zones[i].name)))
            return zones[i].hours * 60;
    return 0;
}

static enum sd_err zone(struct lex *x, struct date *d) {
    skip(x);
    bool west = lex_peek(x) == '-';
    if (!west && lex_peek(x) != '+') {
        d->zone_minutes = zone_by_name(lex_while(x, is_letter));
        return SD_OK;
    }
    unsigned value;
    x->at++;
    if (number(x, 4, 4, &value) != SD_OK || value % 100 > 59)
        return SD_ERR_PARSE;
    int minutes = (int)(value / 100 * 60 + value % 100);
    d->zone_minutes = west ? -minutes : minutes;
    return SD_OK;
}

static bool in_range(const struct date *d) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
    unsigned last = days[d->month - 1] + (d->month == 2 && leap ? 1u : 0u);
    return d->day >= 1 && d->day <= last && d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

/* Days since 1970-01-01 in the Gregorian calendar, counted from March so that the leap day is the last. */
static int64_t days_since_1970(const struct date *d) {
    int64_t y = d->year - (d->month <= 2 ? 1 : 0);
    int64_t month = (d->month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * month + 2) / 5 + d->day - 719469;
}

static enum sd_err parse(struct span body, int64_t *ret_unix_ms) {
    struct lex x = lex_of(body);
    struct date d = {.month = 1};
    enum sd_err err = lex_cfws(&x, NULL);
    if (err == SD_OK)
        err = day_name(&x);
    if (err == SD_OK)
        err = day_month_year(&x, &d);
    if (err == SD_OK)
        err = time_of_day(&x, &d);
    if (err == SD_OK)
        err = zone(&x, &d);
    if (err == SD_OK)
        err = lex_cfws(&x, NULL);
    if (err || !lex_end(&x) || !in_range(&d))
        return SD_ERR_PARSE;
    int64_t seconds = days_since_1970(&d) * 86400 + d.hour * 3600 + d.minute * 60 + d.second - (int64_t)d.zone_minutes * 60;
    *ret_unix_ms = seconds * 1000;
    return SD_OK;
}

enum sd_err mail_date(const struct mail_message *m, int64_t *ret_unix_ms) {
    const struct mail_field *f = mail_field_first(&m->header, SPAN("Date"));
    return f ? parse(f->body, ret_unix_ms) : SD_ERR_PARSE;
}
