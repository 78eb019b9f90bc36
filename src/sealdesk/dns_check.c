#include "sealdesk/dns_check.h"

#include "auth/name.h"
#include "core/network.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *severity_text(enum severity severity) {
    static const char *const texts[] = {
#define X(name, text) text,
        SEVERITY_LIST(X)
#undef X
    };
    return texts[severity];
}

/* Records of others end in sentences: nothing in them may steer a terminal. */
static struct span printable(struct span text, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, text.n + 1);
    bool utf8 = span_is_utf8(text);
    for (size_t i = 0; to && i < text.n; i++)
        to[i] = text.p[i] < 0x20 || text.p[i] == 0x7f || (text.p[i] >= 0x80 && !utf8) ? '?' : text.p[i];
    return to ? span_of(to, text.n) : SPAN_NONE;
}

void dns_found(struct dns_check *check, enum severity severity, const char *id, struct span subject, struct span publish,
               const char *format, ...) {
    char *text = NULL;
    va_list args;
    if (check->count == FINDINGS_MAX)
        return;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    check->findings[check->count++] = (struct finding){.severity = severity,
                                                       .id = id,
                                                       .subject = printable(subject, check->arena),
                                                       .sentence = printable(n < 0 ? SPAN_NONE : span_cstr(text), check->arena),
                                                       .publish = printable(publish, check->arena)};
    if (n >= 0)
        free(text);
}

enum severity dns_check_worst(const struct dns_check *check) {
    enum severity worst = SEVERITY_OK;
    for (size_t i = 0; i < check->count; i++)
        worst = check->findings[i].severity > worst ? check->findings[i].severity : worst;
    return worst;
}

struct dns_answer dns_check_ask(struct dns_check *check, struct span name, enum dns_type type) {
    struct dns_answer answer;
    if (dns_ask(check->dns, name, type, check->deadline, check->arena, &answer) != SD_OK)
        answer = (struct dns_answer){.outcome = DNS_TEMPFAIL};
    if (answer.outcome != DNS_FOUND)
        answer.count = 0;
    return answer;
}

static void take_addresses(struct dns_check *check, struct span host, enum dns_type type, size_t n, struct addresses *to) {
    struct dns_answer answer = dns_check_ask(check, host, type);
    to->unknown |= answer.outcome == DNS_TEMPFAIL;
    for (size_t i = 0; i < answer.count && to->count < SENDERS_MAX; i++)
        if (answer.records[i].n == n) {
            ip_of_record(answer.records[i], to->ip[to->count++]);
        }
}

struct addresses dns_addresses(struct dns_check *check, struct span host) {
    struct addresses found = {0};
    take_addresses(check, host, DNS_A, 4, &found);
    take_addresses(check, host, DNS_AAAA, 16, &found);
    return found;
}

struct span address_text(const uint8_t ip[16], struct arena *arena) {
    char text[IP_TEXT_BYTES];
    return arena_span(arena, span_cstr(ip_text(ip, text)));
}

struct span dns_to_publish(const struct dns_check *check, struct span owner, const char *begins) {
    struct span_split split = span_split_start(check->zone);
    struct span line;
    while (span_split_next(&split, '\n', &line)) {
        size_t quote = span_find(line, '"');
        struct span text = *begins ? span_from(line, quote + 1) : line;
        if (span_ieq(name_undot(span_sub(line, 0, span_find(line, ' '))), owner) && (*begins != 0) == (quote < line.n) &&
            (!*begins || span_starts(text, span_cstr(begins))))
            return line;
    }
    return SPAN_NONE;
}

struct span dns_txt_line(struct dns_check *check, struct span owner, struct span value) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(65536);
    buf_printf(&line, "%.*s. 3600 IN TXT", SPAN_FMT(owner));
    do {
        struct span part = span_sub(value, 0, 255); /* RFC 1035 §3.3 */
        buf_printf(&line, " \"%.*s\"", SPAN_FMT(part));
        value = span_from(value, part.n);
    } while (value.n);
    return arena_span(check->arena, buf_span(&line));
}

static void ahead_domain(struct dns_check *check, struct span domain, struct dns_memo *memo) {
    dns_memo_ahead(memo, domain, DNS_MX);
    dns_memo_ahead(memo, domain, DNS_TXT);
    dns_memo_ahead(memo, arena_printf(check->arena, "_dmarc.%.*s", SPAN_FMT(domain)), DNS_TXT);
    dns_check_dkim_ahead(check, domain, memo);
}

/* One domain, or with an empty one this host. What will surely be asked goes out at once, so that a silent DNS is waited for
 * once and not question by question. */
static enum sd_err check_one(struct dns_check *check, struct span domain) {
    const struct dns_source *outside = check->dns;
    struct dns_memo *memo = NULL;
    enum sd_err err = dns_memo_new(outside, check->deadline, check->arena, &memo);
    if (err)
        return err;
    struct dns_source source = dns_memo_source(memo);
    check->dns = &source;
    if (domain.n == 0) {
        dns_memo_ahead(memo, check->hostname, DNS_A);
        dns_memo_ahead(memo, check->hostname, DNS_AAAA);
        dns_check_host(check);
    } else {
        ahead_domain(check, domain, memo);
        dns_check_mx(check, domain);
        dns_check_spf(check, domain);
        dns_check_dkim(check, domain);
        dns_check_dmarc(check, domain);
    }
    dns_memo_finish(&memo);
    check->dns = outside;
    return arena_err(check->arena);
}

enum sd_err dns_check_all(struct dns_check *check) {
    struct span_split split = span_split_start(span_cstr(settings_text(check->settings, "main.domains")));
    struct span domain;
    check->hostname = name_lower(name_undot(span_cstr(settings_text(check->settings, "main.hostname"))), check->arena);
    enum sd_err err = check_one(check, SPAN_NONE);
    while (err == SD_OK && span_split_next(&split, ',', &domain)) {
        domain = name_lower(name_undot(span_trim(domain)), check->arena);
        if (domain.n)
            err = check_one(check, domain);
    }
    return err;
}
