/*
 * retention.h - how long records are kept, by class. Data of records whose time is over is dropped by an act that is itself a
 * record, "log-dropped", and is never dropped; their hashes stay, so the tree and every checkpoint stay what they are.
 *
 * A class advances by whole segments, in the order of the log: a segment is due when the youngest record in it is. First the
 * act is recorded, then the files are written anew, each as a whole. A crash in between leaves acts that are not yet done,
 * never records dropped without one.
 */
#ifndef SD_KEEPER_RETENTION_H
#define SD_KEEPER_RETENTION_H

#include "keeper/keeper.h"

#define RETENTION_DAYS_MIN 90 /* whoever looks into something that was found late still finds the records */
#define RETENTION_DAYS_MAX 36500
#define RETENTION_MS (10 * 60 * 1000) /* between two looks */
#define SEGMENT_DAYS 30               /* a newer segment is begun when the newest is older: only whole ones are dropped from */

/* SD_ERR_CONFIG (logged). */
enum sd_err retention_from_config(const struct config *config, struct retention_settings *ret) SD_MUST_CHECK;
/* Until it is called nothing is dropped. */
void keeper_set_retention(struct keeper *k, const struct retention_settings *settings);
/* What is due; about once a second. Reading and writing files is a worker's. */
void retention_tick(struct keeper *k);

#endif
