#include "inspect/file_child.h"

#include "core/ipc/ipc.h"
#include "inspect/attachments.h"
#include "inspect/inspect.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MEMORY_BYTES ((uint64_t)768 * 1024 * 1024) /* a letter of 25 MiB, decoded, and what of it is unpacked at once */
#define CPU_SLACK_SECONDS 2
#define PAGE_BYTES ((size_t)4096)
#define PAGES_MIN_BYTES ((size_t)64 * 1024)
#define PAGES_MAX_BYTES ((size_t)2 * 1024 * 1024)

void file_record(int answer, uint16_t index, uint64_t findings) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(RECORD_BYTES);
    buf_u16(&record, index);
    buf_u64(&record, findings);
    if (write(answer, record.p, record.n) < 0)
        return;
}

struct child {
    const struct spawner_spec *spec;
    void *loaded;
    struct files_budget budget;
    int answer;
};

/* A part without a Content-Type has declared nothing. */
static struct span declared_type(const struct mail_part *part) {
    return mail_field_first(&part->header, SPAN("Content-Type")) ? part->type : SPAN_NONE;
}

static enum sd_err look_into(void *ctx, const struct attachment *attachment) {
    struct child *child = ctx;
    const struct mail_part *part = attachment->part;
    const struct files_subject subject = {
        .content = attachment->content, .name = part->name, .other_name = part->other_name, .type = declared_type(part)};
    uint64_t findings = 0;
    enum sd_err err = child->spec->judge(child->loaded, &child->budget, &subject, &findings);
    if (err == SD_OK)
        file_record(child->answer, (uint16_t)attachment->index, findings);
    return err;
}

static enum sd_err confine(const struct spawner_spec *spec, const struct sandbox_filter *filter) {
    enum sd_err err = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ? SD_OK : SD_ERR_IO;
    err = err ? err : sandbox_limits((uint64_t)spec->file_ms / 1000 + CPU_SLACK_SECONDS, MEMORY_BYTES);
    return err ? err : sandbox_filter_enter(filter);
}

/* Pages for what this letter usually takes, all at once: a fault for each costs several times as much. */
static void take_pages(size_t letter_bytes) {
    size_t n = letter_bytes > PAGES_MAX_BYTES / 2 ? PAGES_MAX_BYTES : 2 * letter_bytes + PAGES_MIN_BYTES;
    uint8_t *p = malloc(n + PAGE_BYTES);
    if (p)
        (void)madvise(p + PAGE_BYTES - (uintptr_t)p % PAGE_BYTES, n, MADV_POPULATE_WRITE); /* without it they come one by one */
    free(p);
}

static enum sd_err look(struct child *child, struct span letter) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(LETTER_ARENA_BYTES);
    struct mail_message message;
    mail_ambiguities ignored = 0;
    enum sd_err err = arena ? mail_parse(letter, arena, &message) : SD_ERR_NOMEM;
    return err ? err : attachments_each(&message, &ignored, look_into, child);
}

/* The letter is mapped before the child confines itself to less than that takes. */
_Noreturn void file_child(const struct spawner_spec *spec, void *loaded, const struct sandbox_filter *filter, int letter,
                          int answer) {
    struct child child = {.spec = spec, .loaded = loaded, .budget = spec->budget, .answer = answer};
    struct span bytes = SPAN_NONE;
    off_t n = lseek(letter, 0, SEEK_END);
    enum sd_err err = n > 0 ? map_sealed(letter, (size_t)n, &bytes) : SD_ERR_PROTOCOL;
    child.budget.deadline = deadline_in_ms(spec->file_ms);
    take_pages(bytes.n);
    err = err ? err : confine(spec, filter);
    err = err ? err : look(&child, bytes);
    if (err == SD_OK)
        file_record(answer, RECORD_END, 0);
    _exit(err == SD_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}
