#include "desk/http.h"
#include "core/json_out.h"

#include <string.h>

bool http_param(const struct http_request *request, const char *name, struct span *ret) {
    for (size_t i = 0; i < request->param_count; i++)
        if (span_eq(request->params[i].name, span_cstr(name))) {
            *ret = request->params[i].value;
            return true;
        }
    return false;
}

void intend(struct exchange *x, enum verb verb, struct span object) {
    x->intent = (struct intent){.verb = verb, .has_object = object.n == sizeof x->intent.object};
    if (x->intent.has_object)
        memcpy(x->intent.object, object.p, object.n);
}

struct json_out respond_json(struct exchange *x, unsigned status) {
    x->response.status = status;
    x->response.type = "application/json";
    return json_out(&x->response.body);
}

void respond_empty(struct exchange *x) {
    x->response.status = 204;
    x->response.type = NULL;
}

void respond_etag(struct exchange *x, uint64_t revision) {
    x->response.etag = arena_printf(x->arena, "\"%llu\"", (unsigned long long)revision);
}
