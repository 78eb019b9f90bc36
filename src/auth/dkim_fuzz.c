/* A message with DKIM-Signature fields, against a zone with usable and broken keys. */
#include "auth/auth.h"
#include "auth/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dns_script *script = fuzz_zone(
        "*._domainkey.football.example.com TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
        "broken._domainkey.football.example.com TXT v=DKIM1; p=AAAA\n"
        "dead._domainkey.football.example.com SERVFAIL\n");
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct mail_message m = {.bytes = span_of(data, size)};
    mail_ambiguities ambiguities = 0;
    const struct dkim_verdict *verdicts = NULL;
    size_t count = 0;
    if (mail_parse_header(m.bytes, arena, &m.header, &m.body_bytes, &ambiguities) == SD_OK &&
        dkim_verify(&m, 1780000000000, &dns, deadline_in_ms(1000), arena, &verdicts, &count) == SD_OK) {
        fuzz_check(count <= DKIM_MAX_SIGNATURES);
        for (size_t i = 0; i < count; i++)
            fuzz_check(verdicts[i].result != AUTH_NONE && verdicts[i].result <= AUTH_PERMERROR);
    }
    fuzz_check(dns_script_open(script) == 0);
    arena_free(&arena);
    dns_script_free(&script);
    return 0;
}
