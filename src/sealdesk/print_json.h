/* print_json.h - what the commands that read the keeper's JSON lines and print them for people share. */
#ifndef SD_SEALDESK_PRINT_JSON_H
#define SD_SEALDESK_PRINT_JSON_H

#include "sealdesk/cli.h"

#include <jansson.h>

const char *text_of(json_t *object, const char *key); /* "" when there is none */
/* The texts of an array, with this between them. */
void put_joined(struct buf *to, json_t *texts, const char *between);

#endif
