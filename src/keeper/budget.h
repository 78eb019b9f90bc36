/*
 * budget.h - how much one person may open and list in a minute and in a day. Beyond it a gesture (exceed-budget) buys as much
 * again, once for the ten minutes or the day; beyond that it is refused and an alarm raised. Counts are of the person, whatever
 * sessions and API tokens they have, so that a second session gives no second budget. Days are UTC and survive a restart.
 */
#ifndef SD_KEEPER_BUDGET_H
#define SD_KEEPER_BUDGET_H

#include "keeper/keeper.h"

enum budget_kind { BUDGET_OPENS, BUDGET_HEADS };

/* SD_OK: counted. SD_ERR_BUDGET: a gesture would help. SD_ERR_SPENT: it would not; *ret_alarm: this is the first time since it
 * ran out. Nothing is counted then. */
enum sd_err budget_charge(struct keeper *k, const struct who *who, enum budget_kind kind, uint32_t n, enum sd_err *ret_status,
                          bool *ret_alarm) SD_MUST_CHECK;
/* Refuses with the status, one record, and the alarm where there is one. */
enum sd_err budget_refuse(struct keeper *k, struct ipc_call *call, const struct who *who, enum sd_err status, bool alarm,
                          struct leaf *leaf) SD_MUST_CHECK;
/* What was counted since it was last written: about once a second. */
void budget_save(struct keeper *k);
void budget_free(struct keeper *k);

#endif
