#include "auth/idn.h"
#include "auth/name.h"

#include <idn2.h>
#include <libpsl.h>

enum sd_err idn_to_ascii(struct span domain, struct arena *arena, struct span *ret) {
    struct span name = name_undot(domain);
    if (!span_is_ascii(name)) {
        char *ascii = NULL;
        const char *text = span_is_utf8(name) && name.n <= 4 * NAME_MAX_BYTES ? arena_cstr(arena, name) : NULL;
        if (!text || idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
            return arena_err(arena) ? SD_ERR_NOMEM : SD_ERR_PARSE;
        name = arena_span(arena, span_cstr(ascii));
        idn2_free(ascii);
    }
    if (!name_is_domain(name))
        return arena_err(arena) ? SD_ERR_NOMEM : SD_ERR_PARSE;
    *ret = name_lower(name, arena);
    return arena_err(arena);
}

struct span idn_domain_of(struct span address, struct arena *arena) {
    struct span domain;
    size_t at = span_rfind(address, '@');
    return idn_to_ascii(at < address.n ? span_from(address, at + 1) : address, arena, &domain) == SD_OK ? domain : SPAN_NONE;
}

struct span idn_to_unicode(struct span domain, struct arena *arena) {
    char *unicode = NULL;
    const char *text = span_isearch(domain, SPAN("xn--")) < domain.n ? arena_cstr(arena, domain) : NULL;
    if (!text || idn2_to_unicode_8z8z(text, &unicode, 0) != IDN2_OK)
        return domain;
    struct span s = arena_span(arena, span_cstr(unicode));
    idn2_free(unicode);
    return s;
}

struct span psl_org_domain(struct span domain, struct arena *arena) {
    const psl_ctx_t *psl = psl_builtin(); /* compiled in: no file to open behind a sandbox */
    const char *text = arena_cstr(arena, domain);
    const char *org = psl && text ? psl_registrable_domain(psl, text) : NULL;
    return org ? span_from(domain, (size_t)(org - text)) : domain;
}

bool psl_is_suffix(struct span domain, struct arena *arena) {
    const psl_ctx_t *psl = psl_builtin();
    const char *text = arena_cstr(arena, domain);
    return psl && text && psl_is_public_suffix2(psl, text, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

bool psl_has_ending(struct span domain, struct arena *arena) {
    const psl_ctx_t *psl = psl_builtin();
    struct span ending = name_tail(domain, 1);
    const char *text = arena_cstr(arena, ending);
    if (span_ieq(ending, SPAN("example")) || span_ieq(ending, SPAN("test")))
        return true;
    return psl && text && psl_is_public_suffix2(psl, text, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
