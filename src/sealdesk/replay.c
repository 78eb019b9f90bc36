/* replay.c - destroys again what was destroyed after the backup: its records are read from an export, or from the log's own
 * files. */
#include "sealdesk/restore.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/role.h"

#include <dirent.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define ASK_MS 60000
#define FILE_MAX_BYTES ((size_t)1024 * 1024 * 1024)
#define RECORD_MARK SPAN("{\"seq\":")

static enum sd_err destroy_again(struct ipc_client *keeper, const uint8_t id[16], struct replayed *to) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_destroy_rep rep;
    struct keeper_destroy_req req = {.object = span_of(id, 16), .reason = SPAN("replay")};
    enum sd_err err = keeper_destroy_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK)
        to->destroyed += rep.destroyed;
    return err;
}

static bool is_text(json_t *object, const char *key, const char *value) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, value) == 0;
}

static enum sd_err replay_record(struct ipc_client *keeper, json_t *record, struct replayed *to) {
    uint8_t id[16];
    const char *hex = json_string_value(json_object_get(json_object_get(record, "object"), "id"));
    to->asked++;
    if (!is_text(record, "action", "destroy") || !is_text(record, "outcome", "granted") || !hex ||
        hex_to_bytes(span_cstr(hex), id, sizeof id) != SD_OK)
        return SD_OK;
    return destroy_again(keeper, id, to);
}

/* Lines of JSON, and frames of the log with such a line in each, are read the same way: from mark to mark. */
static enum sd_err replay_bytes(struct ipc_client *keeper, struct span bytes, struct replayed *to) {
    enum sd_err err = SD_OK;
    while (err == SD_OK) {
        bytes = span_from(bytes, span_search(bytes, RECORD_MARK));
        if (bytes.n == 0)
            break;
        json_error_t problem;
        json_t *record = json_loadb((const char *)bytes.p, bytes.n, JSON_DISABLE_EOF_CHECK, &problem);
        if (record)
            err = replay_record(keeper, record, to);
        json_decref(record);
        bytes = span_from(bytes, RECORD_MARK.n);
    }
    return err;
}

static enum sd_err replay_file(struct ipc_client *keeper, const char *path, struct replayed *to) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES);
    enum sd_err err = file_read(path, &bytes);
    if (err)
        (void)fprintf(stderr, "%s: %s\n", path, sd_err_text(err));
    return err ? err : replay_bytes(keeper, buf_span(&bytes), to);
}

static enum sd_err replay_folder(struct ipc_client *keeper, const char *path, struct replayed *to) {
    DIR *dir = opendir(path);
    enum sd_err err = dir ? SD_OK : SD_ERR_NOTFOUND;
    for (struct dirent *e; err == SD_OK && (e = readdir(dir));) {
        char file[5000];
        if (!span_ends(span_cstr(e->d_name), SPAN(".log")))
            continue;
        (void)snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        err = replay_file(keeper, file, to);
    }
    if (dir)
        (void)closedir(dir);
    return err;
}

enum sd_err replay_destructions(struct ipc_client *keeper, const char *log, struct replayed *to) {
    struct stat st;
    char below[4400];
    if (stat(log, &st) != 0) {
        (void)fprintf(stderr, "%s: it is not there\n", log);
        return SD_ERR_NOTFOUND;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(keeper, log, to);
    (void)snprintf(below, sizeof below, "%s/keeper/log", log); /* a whole data directory */
    return replay_folder(keeper, stat(below, &st) == 0 ? below : log, to);
}
