/* What children do with an attachment. */
#include "inspect/spawner.h"

static enum sd_err judge(SD_UNUSED void *loaded, SD_UNUSED struct files_budget *budget,
                         SD_UNUSED const struct files_subject *subject, uint64_t *ret_findings) {
    *ret_findings = 0;
    return SD_OK;
}

const struct spawner_spec spawner_of_files = {.judge = judge};
