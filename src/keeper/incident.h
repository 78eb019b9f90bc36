/*
 * incident.h - what was let in and turned out to be malicious: who had opened it by then, from the log. Ids only: names are put
 * in when it is shown, as far as there still are any.
 */
#ifndef SD_KEEPER_INCIDENT_H
#define SD_KEEPER_INCIDENT_H

#include "keeper/handlers.h"

struct incident_new {
    struct span object, letter;
    enum object_kind kind;
    struct span signature;
    uint8_t ticket[ID_BYTES];
    int64_t number; /* filled in */
};
/* Within a transaction; the log's records are settled by then. */
enum sd_err incident_open(struct keeper *k, const struct incident_new *incident, int64_t *ret_number) SD_MUST_CHECK;
/* Tells those who guard the house. Within the same transaction. */
enum sd_err incident_alarm(struct keeper *k, const struct incident_new *incident, struct records *records) SD_MUST_CHECK;

#endif
