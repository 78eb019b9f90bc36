/* cards.h - the messages of cards.def. */
#ifndef SD_CORE_IPC_CARDS_H
#define SD_CORE_IPC_CARDS_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/cards.def"
#include "core/ipc/gen_types.h"

#endif
