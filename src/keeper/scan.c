/* scan.c - what was found in letters and attachments. */
#include "keeper/handlers.h"

enum sd_err keeper_on_verdict(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                              SD_UNUSED const struct keeper_verdict_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_scanner(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                              SD_UNUSED const struct keeper_scanner_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_scan_due(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                               SD_UNUSED const struct keeper_scan_due_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_custody(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                              SD_UNUSED const struct keeper_custody_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_preview_wanted(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                                     SD_UNUSED const struct keeper_preview_wanted_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_quarantine_list(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                                      SD_UNUSED const struct keeper_quarantine_list_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_release(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                              SD_UNUSED const struct keeper_release_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_incident_list(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                                    SD_UNUSED const struct keeper_incident_list_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err keeper_on_incident_close(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                                     SD_UNUSED const struct keeper_incident_close_req *req) {
    return SD_ERR_UNSUPPORTED;
}
