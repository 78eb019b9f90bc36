/* zone.c - what to publish in the DNS so that others can verify this installation's mail. */
#include "sealdesk/cli.h"

#include <jansson.h>
#include <string.h>

#define TXT_STRING_BYTES 255 /* RFC 1035 §3.3: a TXT string is at most so long; longer values are several strings */

static void put_txt(struct buf *to, const char *name, struct span value) {
    buf_printf(to, "%s. 3600 IN TXT", name);
    do {
        struct span part = span_sub(value, 0, TXT_STRING_BYTES);
        buf_printf(to, " \"%.*s\"", SPAN_FMT(part));
        value = span_from(value, part.n);
    } while (value.n);
    buf_byte(to, '\n');
}

static void put_dkim(struct buf *to, json_t *key) {
    const char *domain = json_string_value(json_object_get(key, "domain"));
    const char *selector = json_string_value(json_object_get(key, "selector"));
    const char *algorithm = json_string_value(json_object_get(key, "algorithm"));
    const char *p = json_string_value(json_object_get(key, "p"));
    if (!domain || !selector || !algorithm || !p) {
        buf_fail(to, SD_ERR_PARSE);
        return;
    }
    char name[600];
    struct buf value SD_CLEANUP(buf_free) = buf_new(8192);
    (void)snprintf(name, sizeof name, "%s._domainkey.%s", selector, domain);
    const char *state = json_string_value(json_object_get(key, "state"));
    const char *from = json_string_value(json_object_get(key, "from")),
               *ended = json_string_value(json_object_get(key, "ended"));
    if (state && strcmp(state, "prepared") == 0)
        buf_printf(to, "; the next key: signs from %s\n", from ? from : "sealdesk keys rotate dkim --activate on");
    else if (ended)
        buf_printf(to, "; signs until %s; keep it for a week after\n", ended);
    buf_printf(&value, "v=DKIM1; k=%s; p=%s", algorithm[0] == 'r' ? "rsa" : "ed25519", p);
    put_txt(to, name, buf_span(&value));
}

/* SPF allows the MX hosts: the courier sends from where mail comes in. A relay sends instead of us, and only its owner knows
 * from where: the line then says so. */
static void put_domain(const struct settings *settings, struct span domain, struct buf *to) {
    const char *hostname = settings_text(settings, "main.hostname");
    char name[300];
    (void)snprintf(name, sizeof name, "%.*s", SPAN_FMT(domain));
    buf_printf(to, "%s. 3600 IN MX 10 %s.\n", name, hostname);
    if (*settings_text(settings, "courier.relay"))
        buf_printf(to, "; mail leaves through courier.relay: add your relay's addresses or include: to this record\n");
    put_txt(to, name, SPAN("v=spf1 mx -all"));
    (void)snprintf(name, sizeof name, "_dmarc.%.*s", SPAN_FMT(domain));
    put_txt(to, name, SPAN("v=DMARC1; p=reject; adkim=s; aspf=s"));
}

enum sd_err put_zone(const struct settings *settings, struct span json, struct buf *to) {
    json_t *keys = json_loadb((const char *)json.p, json.n, 0, NULL);
    if (!keys)
        return SD_ERR_PARSE;
    struct span_split split = span_split_start(span_cstr(settings_text(settings, "main.domains")));
    struct span domain;
    while (span_split_next(&split, ',', &domain))
        put_domain(settings, span_trim(domain), to);
    size_t i;
    json_t *key;
    json_array_foreach(json_object_get(keys, "dkim"), i, key) put_dkim(to, key);
    json_decref(keys);
    return buf_err(to);
}
