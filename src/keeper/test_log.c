#include "keeper/test_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void log_rig_open(struct log_rig *b) {
    struct audit_spec spec = {.dir = b->dir, .key = b->key, .signer = b->signer};
    assert_int_equal(audit_open(&spec, &b->audit, &b->trimmed, &b->damaged), SD_OK);
}

void log_rig_new(struct log_rig *b) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(256);
    *b = (struct log_rig){.key.origin = SPAN("example.test/sealdesk")};
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/keeper-log-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(sign_generate(SIGN_ED25519, 0, &private, &public), SD_OK);
    assert_int_equal(signer_new(SIGN_ED25519, &private, &b->signer), SD_OK);
    memcpy(b->key.public_key, public.p + public.n - 32, 32);
    log_rig_open(b);
}

void log_rig_free(struct log_rig *b) {
    char command[128];
    audit_close(&b->audit);
    signer_free(&b->signer);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    assert_int_equal(system(command), 0);
}

/* Ends as `stop` does: with a checkpoint. */
void log_rig_stop(struct log_rig *b) {
    audit_stop(b->audit);
    while (audit_turn(b->audit, (struct deadline){0}))
        ;
    audit_close(&b->audit);
}

void log_rig_add(struct log_rig *b, unsigned count, unsigned long padding) {
    for (unsigned i = 0; i < count; i++) {
        struct audit_entry *entry = audit_entry_new();
        assert_non_null(entry);
        buf_printf(&entry->rest, "\"time\":\"x\",\"n\":%u,\"pad\":\"", i);
        buf_fill(&entry->rest, 'p', padding);
        buf_text(&entry->rest, "\"}");
        audit_submit(b->audit, entry);
    }
    while (audit_backlog(b->audit))
        assert_true(audit_turn(b->audit, (struct deadline){0}));
}

uint64_t log_rig_size(struct log_rig *b) {
    struct merkle_range range;
    audit_range(b->audit, &range);
    return range.size;
}

struct audit_report log_rig_verify(struct log_rig *b) {
    struct audit_report report = {0};
    assert_int_equal(audit_verify(b->dir, &b->key, NULL, &report), SD_OK);
    return report;
}

void log_rig_path(struct log_rig *b, const char *name, char to[256]) {
    (void)snprintf(to, 256, "%s/%s", b->dir, name);
}

size_t log_rig_file_size(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

void log_rig_flip(const char *path, size_t bit) {
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1u << (bit % 8));
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    (void)close(fd);
}
