/* sheet.h - formulas that start programs, inside the files library. */
#ifndef SD_FILES_SHEET_H
#define SD_FILES_SHEET_H

#include "core/span.h"

/* A formula with a DDE reference: server|topic!item, or DDE(). */
bool sheet_is_dde(struct span formula);

#endif
