/* A DMARC record, at the organisational domain of a subdomain. Never a pass without an authenticated identifier. */
#include "auth/auth.h"
#include "auth/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dns_script *script = fuzz_zone("_dmarc.example TXT v=DMARC1; p=reject; psd=y\n");
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct span record = span_of(data, size);
    struct spf_verdict spf = {.result = AUTH_PASS, .domain = SPAN("evil.example")};
    struct dmarc_question q = {.from_domain = SPAN("a.bank.example"), .spf = &spf};
    struct dmarc_verdict v = {0};
    if (size <= 4096 && dns_script_add_txt(script, SPAN("_dmarc.bank.example"), &record, 1) == SD_OK &&
        dmarc_check(&q, &dns, deadline_in_ms(1000), arena, &v) == SD_OK)
        fuzz_check(v.result != AUTH_PASS && v.policy <= DMARC_POLICY_REJECT && !v.spf_aligned);
    fuzz_check(dns_script_open(script) == 0);
    arena_free(&arena);
    dns_script_free(&script);
    return 0;
}
