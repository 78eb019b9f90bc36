#include "keeper/codes.h"

#include <string.h>

#define GROUP 4

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static size_t symbols_of(enum code_kind kind) {
    return kind == CODE_RECOVERY ? CODE_RECOVERY_SYMBOLS : CODE_ENROLMENT_SYMBOLS;
}

enum sd_err code_make(enum code_kind kind, struct secret *ret) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_random(symbols_of(kind), &code);
    if (err)
        return err;
    for (size_t i = 0; i < code.n; i++)
        code.p[i] = (uint8_t)alphabet[code.p[i] % 32]; /* 256 is a multiple of 32: no symbol is likelier */
    *ret = secret_take(&code);
    return SD_OK;
}

enum sd_err code_show(const struct secret *code, struct buf *to) {
    struct span symbols = secret_span(code);
    for (size_t i = 0; i < symbols.n; i += GROUP) {
        if (i)
            buf_byte(to, '-');
        buf_put(to, span_sub(symbols, i, GROUP));
    }
    return buf_err(to);
}

/* 0: no symbol. */
static uint8_t symbol_of(uint8_t c) {
    if (c >= 'a' && c <= 'z')
        c = (uint8_t)(c - 'a' + 'A');
    if (c == 'O')
        return '0';
    if (c == 'I' || c == 'L')
        return '1';
    return c && strchr(alphabet, c) ? c : 0;
}

enum sd_err code_normalise(enum code_kind kind, struct span typed, struct secret *ret) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    size_t n = 0;
    if (typed.n > CODE_TYPED_MAX)
        return SD_ERR_PARSE;
    enum sd_err err = secret_new(symbols_of(kind), &code);
    if (err)
        return err;
    for (size_t i = 0; i < typed.n; i++) {
        uint8_t symbol = symbol_of(typed.p[i]);
        if (typed.p[i] == ' ' || typed.p[i] == '-')
            continue;
        if (!symbol || n == code.n)
            return SD_ERR_PARSE;
        code.p[n++] = symbol;
    }
    if (n < code.n)
        return SD_ERR_PARSE;
    *ret = secret_take(&code);
    return SD_OK;
}
