/*
 * scan_check.h - what `sealdesk check` says about virus scanner, spam filter and previews: what is missing or set badly, what
 * that costs, and what to do. Warnings, not problems: Sealdesk runs without each of them, and opens less.
 */
#ifndef SD_SEALDESK_SCAN_CHECK_H
#define SD_SEALDESK_SCAN_CHECK_H

#include "core/endpoint.h"
#include "sealdesk/settings.h"

void scan_warn(const struct settings *settings, FILE *to);

/* ---- its parts ---- */

void scan_warn_clamd(const struct settings *settings, FILE *to);
/* What clamd.conf says, as text: limits under ours, and where it unpacks. */
void scan_warn_clamd_conf(struct span text, const char *path, FILE *to);
/* clamd's answer to VERSION. */
void scan_warn_version(struct span version, int64_t now_s, FILE *to);
void scan_warn_rspamd(const struct settings *settings, FILE *to);
void scan_warn_preview(const struct settings *settings, FILE *to);

/* One question to a service of this machine, at most a few seconds: the request goes out, the answer until it closes or
 * *answer is full comes back. errno text in *ret_problem when it fails. */
bool scan_ask(const struct endpoint *endpoint, struct span request, struct buf *answer, const char **ret_problem);
/* The word of a comma-separated list. */
bool scan_list_has(const char *list, const char *word);

#endif
