/* A message with ARC fields, against a zone with a real key and broken ones; seeds that verify are in the corpus. */
#include "auth/auth.h"
#include "auth/authres_read.h"
#include "auth/fuzz_world.h"

static void check_sets(const struct arc_verdict *v, struct arena *arena) {
    fuzz_check(v->set_count == (v->result == AUTH_PASS ? v->instance : 0));
    for (size_t i = 0; i < v->set_count; i++) {
        struct authres read = {0};
        enum sd_err err = authres_read(v->sets[i].results, arena, &read);
        fuzz_check(v->sets[i].sealer.n > 0 && (err == SD_OK || read.count == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dns_script *script = fuzz_zone(
        "*._domainkey.example.org TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
        "broken._domainkey.example.org TXT v=DKIM1; p=AAAA\n"
        "dead._domainkey.example.org SERVFAIL\n");
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct mail_message m = {.bytes = span_of(data, size)};
    struct arc_verdict v = {0};
    mail_ambiguities ambiguities = 0;
    if (mail_parse_header(m.bytes, arena, &m.header, &m.body_bytes, &ambiguities) == SD_OK &&
        arc_verify(&m, 1780000000000, &dns, deadline_in_ms(1000), arena, &v) == SD_OK) {
        fuzz_check(v.result == AUTH_NONE || v.result == AUTH_PASS || v.result == AUTH_FAIL || v.result == AUTH_TEMPERROR);
        fuzz_check(v.instance <= ARC_MAX_INSTANCE && (v.result != AUTH_NONE || v.instance == 0));
        check_sets(&v, arena);
    }
    fuzz_check(dns_script_open(script) == 0 && dns_script_asked(script) <= ARC_MAX_INSTANCE + 1);
    arena_free(&arena);
    dns_script_free(&script);
    return 0;
}
