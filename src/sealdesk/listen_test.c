#include "sealdesk/listen.h"

#include "core/span.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void good_addresses(SD_UNUSED void **state) {
    struct listen_address a[LISTEN_ADDRESSES_MAX];
    size_t n = 0;
    assert_int_equal(listen_parse("127.0.0.1:25, 0.0.0.0:2525,[::1]:26,[2001:db8::1]:25,unix:/run/x.sock", true, a, &n), SD_OK);
    assert_int_equal(n, 5);
    assert_true(a[0].is_loopback && !a[1].is_loopback && a[2].is_loopback && !a[3].is_loopback && a[4].is_loopback);
    assert_int_equal(ntohs(((struct sockaddr_in *)&a[1].address)->sin_port), 2525);
    assert_int_equal(((struct sockaddr_in6 *)&a[3].address)->sin6_family, AF_INET6);
    assert_string_equal(((struct sockaddr_un *)&a[4].address)->sun_path, "/run/x.sock");
}

static void bad_addresses(SD_UNUSED void **state) {
    static const char *const bad[] = {
        "25",      "127.0.0.1",   "127.0.0.1:",     "127.0.0.1:99999", "::1:25",       "[127.0.0.1]:25",
        "host:25", "unix:x.sock", "127.0.0.1:25,,", "[::1:25",         "127.0.0.1:2x", "127.0.0.1:-1"};
    struct listen_address a[LISTEN_ADDRESSES_MAX];
    size_t n = 7;
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_not_equal(listen_parse(bad[i], true, a, &n), SD_OK);
    assert_int_equal(listen_parse("unix:/run/x.sock", false, a, &n), SD_ERR_PARSE);
    assert_int_equal(n, 7); /* untouched on failure */
}

static void private_sockets_work_in_deep_folders(SD_UNUSED void **state) {
    char dir[400] = "/tmp/sealdesk-listen.XXXXXX";
    char path[600];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/", dir);
    memset(path + strlen(path), '/', 150); /* the same folder, spelled longer than a socket address may be */
    (void)snprintf(path + strlen(dir) + 1 + 150, sizeof path - strlen(dir) - 151, "admin.sock");
    int server = -1, client = -1;
    assert_int_equal(connect_private(path, &client), SD_ERR_UNAVAILABLE);
    assert_int_equal(listen_private(path, &server), SD_OK);
    assert_int_equal(connect_private(path, &client), SD_OK);
    (void)close(server);
    (void)close(client);
    assert_int_equal(connect_private(path, &client), SD_ERR_UNAVAILABLE); /* a stale socket is nobody */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_addresses), cmocka_unit_test(bad_addresses),
                                       cmocka_unit_test(private_sockets_work_in_deep_folders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
