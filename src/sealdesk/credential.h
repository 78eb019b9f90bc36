/* credential.h - what systemd hands to the service (LoadCredential=), for the keeper alone. */
#ifndef SD_SEALDESK_CREDENTIAL_H
#define SD_SEALDESK_CREDENTIAL_H

#include "core/secret.h"
#include "sealdesk/settings.h"

/* $CREDENTIALS_DIRECTORY/NAME when keeper.root is "credential:NAME". False when it is not, or cannot be read (logged). */
bool credential_read(const struct settings *settings, struct secret *ret);

#endif
