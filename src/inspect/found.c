#include "inspect/found.h"

#include "core/ipc/cards.h"
#include "core/ipc/keeper.h"
#include "inspect/inspect.h"

#include <unistd.h>

#define TELL_MS 2000  /* the sender waits; what cannot be told now is looked into again */
#define TEXTS_MAX 100 /* encoded text parts of one letter: two, as a rule */
#define VERDICT_BYTES 256
#define VERDICTS_BYTES ((LIMIT_ATTACHMENTS + 1) * (VERDICT_BYTES + (size_t)4))

/* ---- structure ---- */

static void note_ambiguities(const struct letter_parts *parts, struct letter_found *found) {
    uint64_t all = 0, files = 0;
    if (mail_ambiguity_of_parts(parts->ambiguities))
        all |= FINDING_BIT(AMBIGUOUS);
    if (mail_ambiguity_of_names(parts->ambiguities))
        files |= FINDING_BIT(NAME_SEVERAL);
    found->letter.findings |= all;
    for (size_t i = 0; i < found->count; i++)
        found->files[i].findings |= all | files;
}

/* ---- the virus scanner ---- */

static enum sd_err scan_file(struct inspector *in, int file, struct deadline deadline, struct found *found) {
    const struct scanner *scanner = &in->health.scanner;
    struct scan_result result;
    enum sd_err err = deadline_passed(deadline) ? SD_ERR_TIMEOUT : scanner->ops->scan(scanner->self, file, deadline, &result);
    if (err) {
        found->findings |= FINDING_BIT(SCANNER_DOWN);
        return err;
    }
    found->findings |= result.findings;
    memcpy(found->signature, result.signature, sizeof found->signature);
    return SD_OK;
}

static enum sd_err scan_bytes(struct inspector *in, struct span bytes, struct deadline deadline, struct found *found) {
    int file = -1;
    enum sd_err err = sealed_memfd(bytes, &file);
    if (err) {
        found->findings |= FINDING_BIT(SCANNER_DOWN);
        return err;
    }
    err = scan_file(in, file, deadline, found);
    (void)close(file);
    return err;
}

/* Text that is encoded, as we decode it: the scanner, which reads the letter by itself, may decode it in another way. */
static bool is_encoded_text(const struct mail_part *part) {
    return !part->is_attachment && !part->is_multipart && part->encoding != MAIL_ENCODING_IDENTITY && part->body.n > 0;
}

static enum sd_err scan_text(struct inspector *in, const struct mail_part *part, struct deadline deadline,
                             struct found *letter) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES + 1024 * 1024);
    struct found found = {.findings = 0};
    mail_ambiguities dirt = 0; /* known since the text was made */
    enum sd_err err = mail_decode_body(part, &text, &dirt);
    if (err == SD_OK && text.n)
        err = scan_bytes(in, buf_span(&text), deadline, &found);
    letter->findings |= found.findings | (err ? FINDING_BIT(SCANNER_DOWN) : 0);
    if (found.signature[0] && !letter->signature[0])
        memcpy(letter->signature, found.signature, sizeof letter->signature);
    return err;
}

static enum sd_err scan_texts(struct inspector *in, const struct mail_message *message, struct deadline deadline,
                              struct found *letter) {
    enum sd_err err = SD_OK;
    size_t count = 0;
    for (size_t i = 0; i < message->part_count && err == SD_OK; i++) {
        if (!is_encoded_text(&message->parts[i]))
            continue;
        if (++count > TEXTS_MAX) {
            letter->findings |= FINDING_BIT(LIMIT_ENTRIES);
            break;
        }
        err = scan_text(in, &message->parts[i], deadline, letter);
    }
    return err;
}

/* After the first that got no answer, the others would only wait as long. */
static void scan_all(struct inspector *in, int letter, const struct letter_parts *parts, struct deadline deadline,
                     struct letter_found *found) {
    enum sd_err err = health_up(&in->health, found->engine) ? SD_OK : SD_ERR_UNAVAILABLE;
    bool tried = err == SD_OK;
    if (tried)
        err = scan_file(in, letter, deadline, &found->letter);
    if (tried && err == SD_OK)
        err = scan_texts(in, parts->message, deadline, &found->letter);
    if (!tried)
        found->letter.findings |= FINDING_BIT(SCANNER_DOWN);
    for (size_t i = 0; i < found->count; i++)
        if (err == SD_OK)
            err = scan_bytes(in, parts->files[i], deadline, &found->files[i]);
        else
            found->files[i].findings |= FINDING_BIT(SCANNER_DOWN);
    found->scanner_down = err != SD_OK;
    if (tried && err)
        health_doubt(&in->health);
}

static void scan(struct inspector *in, int letter, const struct letter_parts *parts, struct deadline deadline,
                 struct letter_found *found) {
    if (in->health.scanner.ops) {
        scan_all(in, letter, parts, deadline_sooner(deadline, deadline_in_ms(in->scan.timeout_ms)), found);
        return;
    }
    for (size_t i = 0; i < found->count; i++)
        found->files[i].findings |= FINDING_BIT(NO_SCANNER);
}

/* ---- all of it ---- */

static enum sd_err begin(const struct letter_parts *parts, struct letter_found *found) {
    enum sd_err err = SD_OK;
    memset(found, 0, sizeof *found);
    found->letter.digest = parts->digest;
    found->count = parts->count;
    for (size_t i = 0; i < parts->count && err == SD_OK; i++)
        err = crypt_sha256(parts->files[i], &found->files[i].digest);
    return err;
}

static enum sd_err take_in_files(const struct inspector *in, int answer, struct deadline deadline, struct letter_found *found) {
    uint64_t findings[LIMIT_ATTACHMENTS] = {0};
    enum sd_err err = spawner_collect(in->files, answer, deadline, findings, found->count);
    for (size_t i = 0; i < found->count && err == SD_OK; i++)
        found->files[i].findings |= findings[i];
    return err;
}

/* The child looks while the scanner does. A letter without attachments needs none. */
static enum sd_err look(struct inspector *in, int letter, const struct letter_parts *parts, struct deadline deadline,
                        struct letter_found *found) {
    int answer = -1;
    bool has_files = parts->count > 0;
    enum sd_err err = has_files && !in->files ? SD_ERR_UNSUPPORTED : SD_OK;
    if (err == SD_OK && has_files)
        err = spawner_begin(in->files, letter, &answer);
    if (err)
        return err;
    note_ambiguities(parts, found);
    scan(in, letter, parts, deadline, found);
    return has_files ? take_in_files(in, answer, deadline, found) : SD_OK;
}

enum sd_err found_look(struct inspector *in, const struct letter_parts *parts, struct deadline deadline,
                       struct letter_found *ret) {
    int letter = -1;
    enum sd_err err = begin(parts, ret);
    err = err ? err : sealed_memfd(parts->bytes, &letter);
    if (err)
        return err;
    err = look(in, letter, parts, deadline, ret);
    (void)close(letter);
    return err;
}

enum object_state found_worst(const struct letter_found *found) {
    enum object_state worst = findings_state(found->letter.findings);
    for (size_t i = 0; i < found->count; i++)
        worst = object_state_worse(worst, findings_state(found->files[i].findings));
    return worst;
}

static void put_verdict(const struct found *found, struct ipc_list *list, struct buf *raw) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const struct cards_verdict_v1 verdict = {.digest = span_of(found->digest.b, sizeof found->digest.b),
                                             .state = (uint8_t)findings_state(found->findings),
                                             .findings = found->findings,
                                             .signature = span_cstr(found->signature)};
    enum sd_err err = cards_verdict_v1_encode(&card, &verdict);
    if (err)
        buf_fail(raw, err);
    ipc_list_add(list, raw, buf_span(&card.body));
}

enum sd_err found_tell(const struct inspector *in, const uint8_t object[16], const struct letter_found *found) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(VERDICTS_BYTES);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_verdict_rep rep;
    struct keeper_verdict_req req = {.object = span_of(object, 16),
                                     .letter = span_of(found->letter.digest.b, sizeof found->letter.digest.b),
                                     .engine = span_cstr(found->engine)};
    put_verdict(&found->letter, &req.verdicts, &raw);
    for (size_t i = 0; i < found->count; i++)
        put_verdict(&found->files[i], &req.verdicts, &raw);
    enum sd_err err = buf_err(&raw);
    return err ? err : keeper_verdict_call(in->health.keeper, &req, deadline_in_ms(TELL_MS), &msg, &rep);
}
