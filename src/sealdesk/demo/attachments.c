/* attachments.c - chapters about attachments. The virus is the test file of the scanners' makers (EICAR), which harms nobody;
 * the scanner is the real one, with a signature for that file alone, so that nothing has to be fetched from anywhere. */
#include "sealdesk/demo/demo.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLAMD "/usr/sbin/clamd"
#define STEP_MS 15000
#define SCANNER_MS 60000
/* Its two halves: a file that held it whole would itself be one. */
#define EICAR_A "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"
#define EICAR_B "ANTIVIRUS-TEST-FILE!$H+H*"
#define EICAR_MD5 "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n"

static bool write_below(struct demo *d, const char *name, const char *text) {
    char path[PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/%s", d->dir, name);
    return demo_write_file(path, span_cstr(text)) == SD_OK;
}

static bool make_folders(struct demo *d) {
    static const char *const folders[] = {"scanner", "scanner/signatures", "scanner/tmp"};
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        char path[PATH_BYTES + 64];
        (void)snprintf(path, sizeof path, "%s/%s", d->dir, folders[i]);
        if (mkdir(path, 0755) != 0)
            return false;
    }
    return true;
}

static bool configure(struct demo *d) {
    char conf[4 * PATH_BYTES + 400];
    (void)snprintf(conf, sizeof conf,
                   "LocalSocket %s/scanner/clamd.sock\nLocalSocketMode 666\nDatabaseDirectory %s/scanner/signatures\n"
                   "TemporaryDirectory %s/scanner/tmp\nForeground yes\n%s",
                   d->dir, d->dir, d->dir, geteuid() == 0 ? "User root\n" : "");
    return make_folders(d) && write_below(d, "scanner/clamd.conf", conf) &&
           write_below(d, "scanner/signatures/demo.hdb", EICAR_MD5);
}

bool demo_scanner(struct demo *d, char *detail) {
    char conf[PATH_BYTES + 64], log[PATH_BYTES + 64], socket_path[PATH_BYTES + 64];
    struct deadline deadline = deadline_in_ms(SCANNER_MS);
    if (access(CLAMD, X_OK) != 0)
        return demo_say(detail, true, "clamav-daemon is not installed: attachments will stay closed");
    (void)snprintf(conf, sizeof conf, "%s/scanner/clamd.conf", d->dir);
    (void)snprintf(log, sizeof log, "%s/scanner/log", d->dir);
    (void)snprintf(socket_path, sizeof socket_path, "%s/scanner/clamd.sock", d->dir);
    char *argv[] = {CLAMD, "-c", conf, NULL};
    if (!configure(d))
        return demo_say(detail, false, "cannot write into %s", d->dir);
    d->scanner_pid = demo_spawn(argv, log);
    while (access(socket_path, F_OK) != 0) {
        if (deadline_passed(deadline) || demo_ended(&d->scanner_pid))
            return demo_say(detail, false, "clamd does not start; %s says why", log);
        (void)usleep(50000);
    }
    return demo_say(detail, true, "ClamAV, with a signature for the EICAR test file");
}

/* ---- letters with a file ---- */

static bool send_file(struct demo *d, const char *subject, const char *name, const char *type, struct span content, char *reply,
                      size_t reply_bytes) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(65536);
    struct demo_file file = {name, type, content};
    reply[0] = 0;
    return demo_letter_with_file(&d->world, subject, &file, &letter) == SD_OK &&
           demo_send(d->smtp_port, "mx.customer.example", "robin@customer.example", "support@northwind-shop.example",
                     buf_span(&letter), reply, reply_bytes) == SD_OK &&
           reply[0] == '2';
}

/* The state and id of the first attachment of that letter, as the agent's page has them. */
static bool look_up(struct demo *d, const char *subject, char state[32], char id[64]) {
    json_t *message = demo_open_first(d, subject);
    json_t *file = json_array_get(json_object_get(message, "attachments"), 0);
    (void)snprintf(state, 32, "%s", demo_text(file, "state"));
    (void)snprintf(id, 64, "%s", demo_text(file, "id"));
    json_decref(message);
    return id[0] != 0;
}

static long download(struct demo *d, const char *id) {
    char path[200];
    long status = 0;
    json_t *json = NULL;
    (void)snprintf(path, sizeof path, "/api/v1/attachments/%s", id);
    if (demo_api_call(d->agent, "GET", path, NULL, &status, &json) != SD_OK)
        status = 0;
    json_decref(json);
    return status;
}

bool demo_attachment(struct demo *d, char *detail) {
    char reply[300], state[32], id[64];
    bool scanner = d->scanner_pid > 0;
    if (!send_file(d, "The order as a list", "order.csv", "text/csv", SPAN("article,pieces\nlamp,2\nchair,4\n"), reply,
                   sizeof reply) ||
        !look_up(d, "The order as a list", state, id))
        return demo_say(detail, false, "not taken or not there: %s", reply);
    long status = download(d, id);
    bool good = scanner ? strcmp(state, "clean") == 0 && status == 200 : strcmp(state, "unscanned") == 0 && status == 409;
    return demo_say(detail, good, "order.csv is %s: HTTP %ld", state, status);
}

bool demo_disguised(struct demo *d, char *detail) {
    char reply[300], state[32], id[64];
    bool scanner = d->scanner_pid > 0;
    if (!send_file(d, "Your invoice", "invoice.pdf.exe", "application/pdf", SPAN("MZ\220\0\3\0\0\0\4\0\0\0\377\377\0\0"), reply,
                   sizeof reply) ||
        !look_up(d, "Your invoice", state, id))
        return demo_say(detail, false, "not taken or not there: %s", reply);
    long status = download(d, id);
    bool good = status == 409 && strcmp(state, scanner ? "suspicious" : "unscanned") == 0;
    return demo_say(detail, good, "invoice.pdf.exe is %s, and its original stays closed: HTTP %ld", state, status);
}

/* Nobody may list what is quarantined but who may release it, so the agent finds nothing; root sees it. */
bool demo_virus(struct demo *d, char *detail) {
    char reply[300], eicar[100];
    struct buf out SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct deadline deadline = deadline_in_ms(STEP_MS);
    char *argv[] = {d->program, "quarantine", "list", "-c", d->conf, "--json", NULL};
    if (d->scanner_pid <= 0)
        return demo_say(detail, true, "left out: no scanner is installed");
    (void)snprintf(eicar, sizeof eicar, "%s%s", EICAR_A, EICAR_B);
    if (!send_file(d, "Please open at once", "reader.com", "application/octet-stream", span_cstr(eicar), reply, sizeof reply))
        return demo_say(detail, false, "not taken: %s", reply);
    for (bool found = false; !found; (void)usleep(100000)) {
        buf_reset(&out);
        int status = demo_run(argv, &out);
        found = status == 0 && span_search(buf_span(&out), SPAN("Eicar-Test-Signature")) < out.n;
        if (!found && deadline_passed(deadline))
            return demo_say(detail, false, "sealdesk quarantine list: exit %d, without it", status);
    }
    return demo_say(detail, true, "taken in, and in quarantine: malicious, Eicar-Test-Signature");
}
