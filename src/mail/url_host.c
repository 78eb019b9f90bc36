/* Hosts of URLs (WHATWG URL §3.5). This file is the mail library's only user of ICU's IDNA. */
#include <arpa/inet.h>
#include <string.h>
#include <unicode/uidna.h>

#include "mail/lex.h"
#include "mail/url_clean.h"

#define HOST_MAX_BYTES 253
#define WRITTEN_MAX_BYTES 1024 /* percent-encoded U-labels */

/* Hyphens where they should not be (Google's own hosts have them) and empty root labels are what browsers let pass. */
#define IDNA_TOLERATED                                                                                                         \
    (UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4 | UIDNA_ERROR_EMPTY_LABEL)

static bool to_ascii(struct span utf8, struct buf *to) {
    char ascii[HOST_MAX_BYTES + 3];
    UErrorCode code = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UIDNA *idna = uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &code);
    int32_t n = U_FAILURE(code)
                    ? 0
                    : uidna_nameToASCII_UTF8(idna, (const char *)utf8.p, (int32_t)utf8.n, ascii, sizeof ascii, &info, &code);
    uidna_close(idna);
    if (U_FAILURE(code) || info.errors & ~(uint32_t)IDNA_TOLERATED || n <= 0 || n > HOST_MAX_BYTES)
        return false;
    buf_put(to, span_of(ascii, (size_t)n));
    return true;
}

static void put_decoded(struct span s, struct buf *to) {
    for (size_t i = 0; i < s.n; i++) {
        int high = i + 2 < s.n ? lex_hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? lex_hex(s.p[i + 2]) : -1;
        bool escaped = s.p[i] == '%' && high >= 0 && low >= 0;
        buf_byte(to, (uint8_t)(escaped ? high << 4 | low : s.p[i]));
        i += escaped ? 2 : 0;
    }
}

static bool is_digits(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* Decimal, 0octal, 0xhexadecimal, as C programs of old read them. */
static bool read_number(struct span s, uint64_t *ret) {
    unsigned base = 10;
    uint64_t value = 0;
    if (s.n > 1 && s.p[0] == '0') {
        base = s.p[1] == 'x' ? 16 : 8;
        s = span_from(s, base == 16 ? 2 : 1);
    }
    for (size_t i = 0; i < s.n; i++) {
        int digit = lex_hex(s.p[i]);
        if (digit < 0 || (unsigned)digit >= base || value > UINT32_MAX)
            return false;
        value = value * base + (unsigned)digit;
    }
    *ret = value;
    return true;
}

/* §3.5, "ends in a number". */
static bool ends_in_number(struct span host) {
    uint64_t unused;
    size_t dot = span_rfind(host, '.');
    struct span last = dot < host.n ? span_from(host, dot + 1) : host;
    return last.n && (is_digits(last) || (span_starts(last, SPAN("0x")) && read_number(last, &unused)));
}

static bool put_ipv4(struct span host, struct buf *to) {
    struct span part;
    uint64_t value = 0, address = 0;
    unsigned parts = 0;
    for (struct span_split s = span_split_start(host); span_split_next(&s, '.', &part); parts++) {
        if (parts == 4 || part.n == 0 || !read_number(part, &value))
            return false;
        bool last = !s.more;
        uint64_t most = last ? (UINT64_C(1) << (8 * (4 - parts))) - 1 : 255;
        if (value > most)
            return false;
        address |= last ? value : value << (8 * (3 - parts));
    }
    buf_printf(to, "%u.%u.%u.%u", (unsigned)(address >> 24), (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255),
               (unsigned)(address & 255));
    return true;
}

static bool put_ipv6(struct span host, struct buf *to) {
    char text[INET6_ADDRSTRLEN + 1] = "";
    struct in6_addr address;
    if (host.n < 4 || host.n > INET6_ADDRSTRLEN || host.p[host.n - 1] != ']')
        return false;
    memcpy(text, host.p + 1, host.n - 2);
    if (inet_pton(AF_INET6, text, &address) != 1 || !inet_ntop(AF_INET6, &address, text, sizeof text))
        return false;
    buf_printf(to, "[%s]", text);
    return true;
}

static bool is_host_char(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool put_name(struct span ascii, struct buf *to) {
    while (span_ends(ascii, SPAN(".")))
        ascii.n--;
    if (ascii.n == 0 || ascii.n > HOST_MAX_BYTES)
        return false;
    char lower[HOST_MAX_BYTES];
    for (size_t i = 0; i < ascii.n; i++) {
        lower[i] = (char)lex_lower(ascii.p[i]);
        if (!is_host_char((uint8_t)lower[i]))
            return false;
    }
    struct span host = span_of(lower, ascii.n);
    if (ends_in_number(host))
        return put_ipv4(host, to);
    buf_put(to, host);
    return true;
}

bool url_host(struct span written, struct buf *to) {
    struct buf decoded SD_CLEANUP(buf_free) = buf_new(WRITTEN_MAX_BYTES);
    struct buf ascii SD_CLEANUP(buf_free) = buf_new(WRITTEN_MAX_BYTES);
    if (written.n == 0 || written.n > WRITTEN_MAX_BYTES)
        return false;
    if (written.p[0] == '[')
        return put_ipv6(written, to);
    put_decoded(written, &decoded);
    struct span host = buf_span(&decoded);
    if (!span_is_ascii(host)) {
        if (!span_is_utf8(host) || !to_ascii(host, &ascii))
            return false;
        host = buf_span(&ascii);
    }
    return put_name(host, to) && buf_err(to) == SD_OK;
}
