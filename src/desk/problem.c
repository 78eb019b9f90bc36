#include "desk/problem.h"
#include "core/json_out.h"
#include "core/log.h"

#define SPENT_RETRY_S 60 /* the shorter of the budgets is one of a minute */

struct problem_row {
    const char *code;
    unsigned status;
    const char *detail;
};

static const struct problem_row rows[] = {
#define X(name, code, status, detail) {code, status, detail},
    PROBLEM_LIST(X)
#undef X
};

/* With type about:blank the title is the status's own phrase (RFC 9457 §4.2.1). */
static const char *status_phrase(unsigned status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

unsigned problem_status(enum problem problem) {
    return rows[problem].status;
}

const char *problem_code(enum problem problem) {
    return rows[problem].code;
}

static struct json_out start(struct exchange *x, enum problem problem, struct span detail) {
    const struct problem_row *row = &rows[problem];
    struct http_response *r = &x->response;
    buf_reset(&r->body);
    r->fixed = r->etag = r->disposition = SPAN_NONE;
    r->policy = NULL;
    struct json_out j = respond_json(x, row->status);
    r->type = "application/problem+json";
    json_begin_object(&j, NULL);
    json_cstr(&j, "type", "about:blank");
    json_cstr(&j, "title", status_phrase(row->status));
    json_int(&j, "status", row->status);
    json_text(&j, "detail", detail.n ? detail : span_cstr(row->detail));
    json_cstr(&j, "code", row->code);
    return j;
}

void respond_problem(struct exchange *x, enum problem problem, struct span detail) {
    struct json_out j = start(x, problem, detail);
    json_end(&j);
    if (problem == PROBLEM_UNAVAILABLE && !x->response.retry_after_s)
        x->response.retry_after_s = 2;
}

void field_wrong(struct field_errors *errors, struct span field, const char *code, const char *detail) {
    if (errors->count < FIELD_ERRORS_MAX)
        errors->items[errors->count++] = (struct field_error){field, code, detail};
}

void respond_invalid(struct exchange *x, const struct field_errors *errors) {
    struct json_out j = start(x, PROBLEM_INVALID, SPAN_NONE);
    json_begin_array(&j, "errors");
    for (size_t i = 0; i < errors->count; i++) {
        json_begin_object(&j, NULL);
        json_text(&j, "field", errors->items[i].field);
        json_cstr(&j, "code", errors->items[i].code);
        json_cstr(&j, "detail", errors->items[i].detail);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static enum problem of_error(enum sd_err err) {
    switch (err) {
    case SD_ERR_DENIED:
    case SD_ERR_NOTFOUND:
        return PROBLEM_NOT_FOUND;
    case SD_ERR_STALE:
        return PROBLEM_STALE;
    case SD_ERR_UNSUPPORTED:
        return PROBLEM_NOT_FIT;
    case SD_ERR_GESTURE:
    case SD_ERR_BUDGET:
        return PROBLEM_STEP_UP;
    case SD_ERR_APPROVAL:
        return PROBLEM_APPROVAL;
    case SD_ERR_SPENT:
        return PROBLEM_SPENT;
    case SD_ERR_LOCKED:
        return PROBLEM_LOCKED;
    case SD_ERR_UNAVAILABLE:
    case SD_ERR_BUSY:
    case SD_ERR_TIMEOUT:
        return PROBLEM_UNAVAILABLE;
    case SD_ERR_FULL:
        return PROBLEM_FULL;
    default:
        return PROBLEM_INTERNAL;
    }
}

/* What to step up for, or to ask a second person for. */
static void respond_wanted(struct exchange *x, enum problem problem) {
    struct json_out j = start(x, problem, SPAN_NONE);
    json_cstr(&j, "act", verb_text(x->intent.verb));
    if (x->intent.has_object)
        json_hex(&j, "object", span_of(x->intent.object, sizeof x->intent.object));
    json_end(&j);
}

void respond_error(struct exchange *x, enum sd_err err) {
    enum problem problem = of_error(err);
    if (err == SD_ERR_BUDGET)
        intend(x, VERB_EXCEED, SPAN_NONE);
    if (problem == PROBLEM_STEP_UP || problem == PROBLEM_APPROVAL) {
        respond_wanted(x, problem);
        return;
    }
    if (problem == PROBLEM_SPENT)
        x->response.retry_after_s = SPENT_RETRY_S;
    if (problem == PROBLEM_INTERNAL || problem == PROBLEM_UNAVAILABLE || problem == PROBLEM_FULL)
        log_warn("desk.answer", "problem=%s error=%s", problem_code(problem), sd_err_name(err));
    respond_problem(x, problem, SPAN_NONE);
}
