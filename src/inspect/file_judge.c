/* What children do with an attachment: src/files, with the database that the spawner has read for all of them. */
#include "inspect/spawner.h"

static enum sd_err load(void **ret_loaded) {
    struct files *files = NULL;
    enum sd_err err = files_new(&files);
    if (err == SD_OK)
        *ret_loaded = files;
    return err;
}

static enum sd_err judge(void *loaded, struct files_budget *budget, const struct files_subject *subject,
                         uint64_t *ret_findings) {
    return files_judge(loaded, budget, subject, ret_findings);
}

const struct spawner_spec spawner_of_files = {.load = load, .judge = judge};
