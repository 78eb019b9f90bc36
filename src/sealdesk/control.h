/* control.h - what only proc.c asks over a role's control channel; the rest is in proc.h. */
#ifndef SD_SEALDESK_CONTROL_H
#define SD_SEALDESK_CONTROL_H

#include "sealdesk/proc.h"

enum sd_err proc_ask_start(struct proc *proc, const struct settings *settings) SD_MUST_CHECK;
/* False when it cannot be asked any more. */
bool proc_send_stop(struct proc *proc);
/* The channel goes, and every open question with it. */
void proc_forget(struct proc *proc);

#endif
