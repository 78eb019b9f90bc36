/* A record from a stranger: text first, evaluated for a client. Verdicts stay within the enum, questions within the limits. */
#include "auth/auth.h"
#include "auth/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
    struct dns_script *script = fuzz_zone("example.com A 192.0.2.9\nother.example TXT v=spf1 a mx -all exp=exp.example.com\n"
                                          "exp.example.com TXT %{s} at %{c}\nexample.com MX 10 example.com\n"
                                          "1.2.0.192.in-addr.arpa PTR example.com\ndead.example SERVFAIL\n");
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct span record = span_of(data, size);
    struct spf_verdict v = {0};
    if (size <= 4096 && dns_script_add_txt(script, SPAN("fuzz.example"), &record, 1) == SD_OK) {
        enum sd_err err = spf_check(ip, SPAN("fuzz.example"), SPAN("a-b@fuzz.example"), SPAN("helo.example"),
                                    SPAN("mx.example.net"), &dns, deadline_in_ms(1000), arena, &v);
        fuzz_check(err == SD_OK || err == SD_ERR_LIMIT || err == SD_ERR_NOMEM);
        fuzz_check(v.result <= AUTH_PERMERROR && dns_script_open(script) == 0);
        /* 1 record, 10 terms of which each asks once and for at most 10 hosts, plus %{p} in each of them */
        fuzz_check(dns_script_asked(script) <= 2000);
    }
    arena_free(&arena);
    dns_script_free(&script);
    return 0;
}
