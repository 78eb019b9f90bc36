/* scan.c - looks again into letters that are kept. */
#include "inspect/inspect.h"

enum sd_err inspect_on_scan(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                            SD_UNUSED const struct inspect_scan_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_learn(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                             SD_UNUSED const struct inspect_learn_req *req) {
    return SD_ERR_UNSUPPORTED;
}
