/* custody_json.h - what is known of objects, as members of JSON objects for people. */
#ifndef SD_KEEPER_CUSTODY_JSON_H
#define SD_KEEPER_CUSTODY_JSON_H

#include "core/json_out.h"
#include "keeper/handlers.h"

/* "findings": words; at most so many, then "…". */
void json_findings(struct json_out *j, uint64_t findings, unsigned max);
/* "scanned_at" and the like: null when it never was. */
void json_time_or_null(struct json_out *j, const char *key, int64_t unix_ms);

#endif
