/*
 * form.h - bodies and parameters of requests, read member by member; what is wrong is collected, and answered at once.
 *
 *   struct form form SD_CLEANUP(form_free) = {0};
 *   static const char *const known[] = {"name", "reason"};
 *   if (!form_read(x, known, SD_COUNT(known), &form)) return SD_OK;
 *   struct span name = form_text(&form, "name", 64, FORM_NEEDED);
 *   if (form_wrong(x, &form)) return SD_OK;
 *
 * Spans live as long as the form, decoded bytes as the exchange.
 */
#ifndef SD_DESK_FORM_H
#define SD_DESK_FORM_H

#include "desk/desk.h"
#include "desk/input.h"
#include "desk/problem.h"

struct form {
    struct json_in *body;
    struct arena *arena;
    struct field_errors errors;
};
void form_free(struct form *form);

enum form_need { FORM_NEEDED, FORM_OPTIONAL };

/* False: the body is no JSON object, or has a member that is not known; the response is there. */
bool form_read(struct exchange *x, const char *const *known, size_t known_count, struct form *form);
/* True: something was wrong; the response is there. */
bool form_wrong(struct exchange *x, const struct form *form);

bool form_has(const struct form *form, const char *name);
/* UTF-8 of at most max bytes, without NUL; not empty when needed. */
struct span form_text(struct form *form, const char *name, size_t max, enum form_need need);
/* base64url of at most max bytes. */
struct span form_bytes(struct form *form, const char *name, size_t max, enum form_need need);
/* 32 hexadecimal digits: 16 bytes. */
struct span form_id(struct form *form, const char *name, enum form_need need);
int64_t form_number(struct form *form, const char *name, int64_t min, int64_t max, enum form_need need);
/* RFC 3339 in UTC; 0 when absent. */
int64_t form_time(struct form *form, const char *name, enum form_need need);
/* A list of texts. raw: what the list borrows from. */
struct ipc_list form_list(struct form *form, const char *name, size_t max_count, size_t max_each, struct buf *raw);
enum verb form_verb(struct form *form, const char *name);
/* Bits of the verbs, and of the categories, of a list; `none` when absent. */
uint32_t form_verbs(struct form *form, const struct json_in *list, const char *name);
uint8_t form_categories(struct form *form, const struct json_in *list, const char *name, uint8_t none);

/* ---- query parameters ---- */

/* The decoded cursor, at most max bytes; false: it is none of ours, and the response is there. Absent: empty. */
bool cursor_param(struct exchange *x, size_t max, struct span *ret);
/* The same for a number. Absent: 0. */
bool cursor_number(struct exchange *x, uint64_t *ret);
bool path_number(const struct exchange *x, uint64_t *ret);

/* ---- answers of lists ---- */

/* {"items":[…],"next":…} of JSON that the keeper made. next: raw bytes, empty when that was all. */
/* "items": what the keeper wrote, one JSON value each. */
struct json_out;
void json_items(struct json_out *j, struct ipc_list items);
/* "next": a cursor, or null for 0. */
void json_next_number(struct json_out *j, uint64_t next);
void respond_items(struct exchange *x, struct ipc_list items, struct span next);
void respond_items_numbered(struct exchange *x, struct ipc_list items, uint64_t next);
/* {"recovery_codes":[…]}: the one time that they are shown. */
void respond_codes(struct exchange *x, struct ipc_list codes);
/* SD_ERR_BUSY where a code is typed: too many were wrong. True: the response is there. */
bool respond_wait(struct exchange *x, enum sd_err err);
/* What the keeper says is wrong, for the person: 409. */
void respond_refused(struct exchange *x, struct span problem);

#endif
