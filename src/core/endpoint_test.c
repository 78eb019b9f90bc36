/* Where something is reached: what is taken, and what is nearly right. */
#include "core/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void taken(SD_UNUSED void **state) {
    static const struct {
        const char *text;
        enum endpoint_kind kind;
        const char *host;
        uint16_t port;
    } table[] = {
        {"", ENDPOINT_NONE, "", 0},
        {"tcp:127.0.0.1:601", ENDPOINT_TCP, "127.0.0.1", 601},
        {" tls:logs.example.net:6514 ", ENDPOINT_TLS, "logs.example.net", 6514},
        {"tls:[2001:db8::1]:6514", ENDPOINT_TLS, "2001:db8::1", 6514},
        {"unix:/dev/log", ENDPOINT_UNIX, "/dev/log", 0},
    };
    for (size_t i = 0; i < SD_COUNT(table); i++) {
        struct endpoint endpoint;
        assert_int_equal(endpoint_parse(span_cstr(table[i].text), &endpoint), SD_OK);
        assert_int_equal(endpoint.kind, table[i].kind);
        assert_string_equal(endpoint.host, table[i].host);
        assert_int_equal(endpoint.port, table[i].port);
    }
}

static void refused(SD_UNUSED void **state) {
    static const char *const texts[] = {"udp:a:514", "tcp:a",       "tcp:a:",       "tcp:a:0", "tcp:a:65536",
                                        "tcp::514",  "tls:::1:514", "unix:dev/log", "unix:",   "tcp:a b:514",
                                        "a:514",     "tcp:[]:514",  "tcp:a:5x"};
    for (size_t i = 0; i < SD_COUNT(texts); i++) {
        struct endpoint endpoint = {.port = 7};
        assert_int_equal(endpoint_parse(span_cstr(texts[i]), &endpoint), SD_ERR_CONFIG);
        assert_int_equal(endpoint.port, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
