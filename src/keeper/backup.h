/* backup.h - a backup that is being made (backup.c). */
#ifndef SD_KEEPER_BACKUP_H
#define SD_KEEPER_BACKUP_H

#include "keeper/keeper.h"

void backup_drop(struct keeper *k); /* with its files, and those of one that was killed */
void backup_tick(struct keeper *k); /* drops one that nobody asks for any more */

#endif
