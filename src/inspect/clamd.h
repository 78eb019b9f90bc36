/*
 * clamd.h - ClamAV's daemon by its own protocol (clamd(8)): IDSESSION connections that are kept, FILDES for each file, so that
 * nothing of a letter is written to any disk by us. One command is outstanding on a connection: an answer that names another
 * one, is cut short or says something else is not believed, its connection is closed, and the file is asked about once more on
 * a new one.
 */
#ifndef SD_INSPECT_CLAMD_H
#define SD_INSPECT_CLAMD_H

#include "core/connector.h"
#include "core/span.h"
#include "inspect/scanner.h"

#define CLAMD_CONNECTIONS_MAX 64

struct clamd;
/* Connects when it is first asked. connector must outlive it. */
enum sd_err clamd_new(struct connector *connector, size_t endpoint, size_t connections, struct clamd **ret) SD_MUST_CHECK;
void clamd_free(struct clamd **clamd);
struct scanner clamd_scanner(struct clamd *clamd);

/* What an answer to FILDES says, without its NUL: "7: fd[9]: OK", "7: fd[9]: Name FOUND", "7: fd[9]: … ERROR". SD_ERR_PROTOCOL:
 * it is no answer to number `id`. SD_ERR_UNAVAILABLE: it is, and says that the file was not scanned. */
enum sd_err clamd_read_answer(struct span answer, uint32_t id, struct scan_result *ret) SD_MUST_CHECK;
/* "ClamAV 1.4.6/27001/Mon Nov 23 08:12:44 2026" is "ClamAV 1.4.6/27001", made then. */
enum sd_err clamd_read_version(struct span answer, char engine[ENGINE_BYTES + 1], int64_t *ret_made_ms) SD_MUST_CHECK;

#endif
