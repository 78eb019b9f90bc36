#include "sealdesk/demo/demo.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)4 * 1024 * 1024)

struct demo_api {
    CURL *curl;
    char base_url[64];
    char csrf[200];
};

static size_t take(char *p, size_t size, size_t n, void *to) {
    buf_put(to, span_of(p, size * n));
    return buf_err(to) == SD_OK ? size * n : 0;
}

enum sd_err demo_api_new(const char *base_url, struct demo_api **ret) {
    struct demo_api *api = calloc(1, sizeof *api);
    if (!api)
        return SD_ERR_NOMEM;
    api->curl = curl_easy_init();
    if (!api->curl) {
        free(api);
        return SD_ERR_NOMEM;
    }
    (void)snprintf(api->base_url, sizeof api->base_url, "%s", base_url);
    (void)curl_easy_setopt(api->curl, CURLOPT_COOKIEFILE, ""); /* keep cookies in memory */
    (void)curl_easy_setopt(api->curl, CURLOPT_TIMEOUT_MS, 30000L);
    (void)curl_easy_setopt(api->curl, CURLOPT_NOPROXY, "*");
    *ret = api;
    return SD_OK;
}

void demo_api_free(struct demo_api **api) {
    if (*api) {
        curl_easy_cleanup((*api)->curl);
        free(*api);
    }
    *api = NULL;
}

static enum sd_err perform(struct demo_api *api, const char *method, const char *url, const char *text, struct buf *answer) {
    char csrf[250], key[100];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    (void)snprintf(csrf, sizeof csrf, "X-CSRF-Token: %s", api->csrf);
    if (api->csrf[0])
        headers = curl_slist_append(headers, csrf);
    (void)snprintf(key, sizeof key, "Idempotency-Key: demo-%lld", (long long)clock_mono_ns());
    if (strcmp(method, "POST") == 0)
        headers = curl_slist_append(headers, key);
    (void)curl_easy_setopt(api->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(api->curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(api->curl, CURLOPT_WRITEDATA, answer);
    (void)curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, text);
    (void)curl_easy_setopt(api->curl, CURLOPT_HTTPGET, text ? 0L : 1L);
    if (text)
        (void)curl_easy_setopt(api->curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(api->curl);
    curl_slist_free_all(headers);
    return code == CURLE_OK ? SD_OK : code == CURLE_OPERATION_TIMEDOUT ? SD_ERR_TIMEOUT : SD_ERR_UNAVAILABLE;
}

enum sd_err demo_api_call(struct demo_api *api, const char *method, const char *path, json_t *body, long *ret_status,
                          json_t **ret_json) {
    char url[600];
    struct buf answer SD_CLEANUP(buf_free) = buf_new(ANSWER_BYTES);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    (void)snprintf(url, sizeof url, "%s%s", api->base_url, path);
    enum sd_err err = perform(api, method, url, text, &answer);
    free(text);
    if (err)
        return err;
    (void)curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, ret_status);
    *ret_json = json_loadb(answer.p ? (const char *)answer.p : "", answer.n, 0, NULL);
    return SD_OK;
}

enum sd_err demo_api_sign_in(struct demo_api *api, const char *email, const char *password, const char *code,
                             long *ret_status) {
    json_t *answer = NULL;
    enum sd_err err = demo_api_call(api, "POST", "/api/v1/session",
                                    json_pack("{s:s,s:s,s:s}", "email", email, "password", password, "totp", code), ret_status,
                                    &answer);
    const char *csrf = json_string_value(json_object_get(answer, "csrf"));
    (void)snprintf(api->csrf, sizeof api->csrf, "%s", csrf ? csrf : "");
    json_decref(answer);
    return err;
}
