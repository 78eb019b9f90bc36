/* clientDataJSON in other words, signed all the same, in both ceremonies: one reading or none. */
#include "keeper/webauthn_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GOOD_REGISTER (RIG_UP | RIG_UV | RIG_AT)
#define GOOD_ASSERT (RIG_UP | RIG_UV)
static const struct span credential_id = {(const uint8_t *)"credential-id-16", 16};
static struct test_cose *key;

static enum webauthn_verdict registered(const struct rig_data *data) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id, data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential credential;
    return rig_judge_registration(&answer, &expected, &credential);
}

static enum webauthn_verdict asserted(const struct rig_data *data) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_assert(key, data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_stored stored = {buf_span(&answer.public_key), 0, false};
    struct webauthn_use use;
    return rig_judge_assertion(&answer, &stored, &expected, &use);
}

#define J(type, challenge, rest) "{\"type\":" type ",\"challenge\":" challenge ",\"origin\":" rest
#define OK_ORIGIN "\"" RIG_ORIGIN "\""
#define HEAD J("\"$T\"", "\"$C\"", OK_ORIGIN)
#define FOREIGN(origin) J("\"$T\"", "\"$C\"", "\"" origin "\",\"crossOrigin\":false}")

/* Signed client data in other words. */
static const struct {
    const char *json;
    enum webauthn_verdict verdict;
} client_data[] = {
    {RIG_JSON, WEBAUTHN_GOOD},
    {HEAD "}", WEBAUTHN_GOOD}, /* Safari */
    {HEAD ",\"crossOrigin\":false,\"other\":[1,{\"a\":\"\\u0022\\n\"},-0.5e+3,true,null,{}]}", WEBAUTHN_GOOD},
    {FOREIGN("https://other.example.test"), WEBAUTHN_GOOD}, /* the other one that is expected */
    {J("\"webauthn.other\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_TYPE},
    {J("\"webauthn.\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_TYPE},
    {J("\"Webauthn.get\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_TYPE},
    {J("\"payment.get\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_TYPE},
    {J("\"\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_TYPE},
    {J("\"$T\"", "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUc\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE}, /* one bit */
    {J("\"$T\"", "\"$C=\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE},
    {J("\"$T\"", "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE},
    {J("\"$T\"", "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUZ\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE}, /* a trailing bit */
    {J("\"$T\"", "\"\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE},
    {J("\"$T\"", "\"" RIG_CHALLENGE "\"", OK_ORIGIN "}"), WEBAUTHN_CHALLENGE}, /* not encoded */
    {FOREIGN("https://evil.example"), WEBAUTHN_ORIGIN},
    {FOREIGN("http://desk.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.test:443"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.test:8443"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.test/"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.test.evil.example"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.tes"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://evil-desk.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://sub.desk.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://DESK.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("https://desk.example.test."), WEBAUTHN_ORIGIN},
    {FOREIGN("https://user@desk.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("desk.example.test"), WEBAUTHN_ORIGIN},
    {FOREIGN("null"), WEBAUTHN_ORIGIN},
    {FOREIGN("android:apk-key-hash:abc"), WEBAUTHN_ORIGIN},
    {FOREIGN(""), WEBAUTHN_ORIGIN},
    {FOREIGN("https://d\xc3\xa9sk.example.test"), WEBAUTHN_ORIGIN},
    {HEAD ",\"crossOrigin\":true}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"crossOrigin\":true,\"topOrigin\":\"https://evil.example\"}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"topOrigin\":\"https://evil.example\",\"crossOrigin\":true}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"crossOrigin\":false,\"topOrigin\":\"https://evil.example\"}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"topOrigin\":\"" RIG_ORIGIN "\"}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"crossOrigin\":false,\"other\":1,\"topOrigin\":null}", WEBAUTHN_CROSS_ORIGIN},
    {HEAD ",\"crossOrigin\":false,\"tokenBinding\":{\"status\":\"present\",\"id\":\"abc\"}}", WEBAUTHN_TOKEN_BINDING},
    {HEAD ",\"tokenBinding\":{\"status\":\"supported\"}}", WEBAUTHN_TOKEN_BINDING},
    {"\xef\xbb\xbf" RIG_JSON, WEBAUTHN_CLIENT_DATA}, /* byte order mark */
    {"", WEBAUTHN_CLIENT_DATA},
    {"{}", WEBAUTHN_CLIENT_DATA},
    {"null", WEBAUTHN_CLIENT_DATA},
    {"[" RIG_JSON "]", WEBAUTHN_CLIENT_DATA},
    {" " RIG_JSON, WEBAUTHN_CLIENT_DATA},
    {RIG_JSON "\n", WEBAUTHN_CLIENT_DATA},
    {RIG_JSON RIG_JSON, WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":false,}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":false", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":\"false\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":0}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":null}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":falsely}", WEBAUTHN_CLIENT_DATA},
    {HEAD ", \"crossOrigin\":false}", WEBAUTHN_CLIENT_DATA},
    {"{ \"type\":\"$T\",\"challenge\":\"$C\",\"origin\":" OK_ORIGIN "}", WEBAUTHN_CLIENT_DATA},
    {"{\"type\":\"$T\",\"origin\":" OK_ORIGIN ",\"challenge\":\"$C\",\"crossOrigin\":false}", WEBAUTHN_CLIENT_DATA}, /* order */
    {"{\"challenge\":\"$C\",\"origin\":" OK_ORIGIN ",\"type\":\"$T\"}", WEBAUTHN_CLIENT_DATA},
    {"{\"type\":\"$T\",\"challenge\":\"$C\",\"crossOrigin\":false,\"origin\":" OK_ORIGIN "}", WEBAUTHN_CLIENT_DATA},
    {"{\"type\":\"$T\",\"challenge\":\"$C\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"type\":\"$T\"}", WEBAUTHN_CLIENT_DATA}, /* twice */
    {HEAD ",\"challenge\":\"$C\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"origin\":" OK_ORIGIN "}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"origin\":\"https://evil.example\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":false,\"crossOrigin\":false}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"crossOrigin\":false,\"crossOrigin\":true}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"other\":1,\"other\":1}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"cross\\u004frigin\":true}", WEBAUTHN_CLIENT_DATA}, /* escapes */
    {HEAD ",\"\\u006frigin\":\"https://evil.example\"}", WEBAUTHN_CLIENT_DATA},
    {"{\"\\u0074ype\":\"$T\",\"challenge\":\"$C\",\"origin\":" OK_ORIGIN "}", WEBAUTHN_CLIENT_DATA},
    {J("\"\\u0077ebauthn.get\"", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_CLIENT_DATA},
    {FOREIGN("https:\\/\\/desk.example.test"), WEBAUTHN_CLIENT_DATA},
    {FOREIGN("https://desk.example.t\\u0065st"), WEBAUTHN_CLIENT_DATA},
    {FOREIGN("https://desk.example.test\x01"), WEBAUTHN_CLIENT_DATA},
    {FOREIGN("https://desk.example.test\xff"), WEBAUTHN_CLIENT_DATA}, /* no UTF-8 */
    {J("[\"$T\"]", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_CLIENT_DATA},
    {J("\"$T\"", "\"$C\"", "[" OK_ORIGIN "]}"), WEBAUTHN_CLIENT_DATA},
    {J("'$T'", "\"$C\"", OK_ORIGIN "}"), WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":01}", WEBAUTHN_CLIENT_DATA}, /* no JSON */
    {HEAD ",\"a\":+1}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":1.}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":1e}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":NaN}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":[1,]}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":[}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":{\"b\"}}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":\"\\x\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":\"\\u12g4\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":\"\t\"}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",a:1}", WEBAUTHN_CLIENT_DATA},
    {HEAD ",\"a\":[[[[[[[]]]]]]]}", WEBAUTHN_CLIENT_DATA}, /* too deep */
    {HEAD ",\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}",
     WEBAUTHN_CLIENT_DATA}, /* too many */
};

static void client_data_in_other_words(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(client_data); i++) {
        enum webauthn_verdict got = asserted(&(struct rig_data){.json = client_data[i].json, .flags = GOOD_ASSERT});
        if (got != client_data[i].verdict)
            fail_msg("%s: %s", client_data[i].json, webauthn_word(got));
        assert_int_equal(registered(&(struct rig_data){.json = client_data[i].json, .flags = GOOD_REGISTER}), got);
    }
}

/* The kinds are not taken for one another. */
static void kinds(SD_UNUSED void **state) {
    const char *get = J("\"webauthn.get\"", "\"$C\"", OK_ORIGIN "}");
    const char *create = J("\"webauthn.create\"", "\"$C\"", OK_ORIGIN "}");
    assert_int_equal(registered(&(struct rig_data){.json = get, .flags = GOOD_REGISTER}), WEBAUTHN_TYPE);
    assert_int_equal(asserted(&(struct rig_data){.json = create, .flags = GOOD_ASSERT}), WEBAUTHN_TYPE);
}

static void cross_origin_when_allowed(SD_UNUSED void **state) {
    const char *json = HEAD ",\"crossOrigin\":true,\"topOrigin\":\"https://portal.example\"}";
    struct rig_data data = {.json = json, .flags = GOOD_REGISTER};
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id, &data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential credential;
    expected.cross_origin = true;
    assert_int_equal(rig_judge_registration(&answer, &expected, &credential), WEBAUTHN_GOOD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_data_in_other_words),
        cmocka_unit_test(kinds),
        cmocka_unit_test(cross_origin_when_allowed),
    };
    key = test_cose_new(COSE_ES256, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_cose_free(&key);
    return failed;
}
