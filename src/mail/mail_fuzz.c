/* Any bytes as a message: everything that can be asked of it. */
#include <stdlib.h>

#include "core/limits.h"
#include "mail/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static bool is_within(struct span part, struct span whole) {
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void use_part(const struct mail_message *m, size_t i) {
    const struct mail_part *part = &m->parts[i];
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_MESSAGE_BYTES);
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(8 * LIMIT_MESSAGE_BYTES);
    mail_ambiguities seen = 0;
    require(is_within(part->body, m->bytes) && part->type.n > 0);
    require(i == 0 ? part->parent == MAIL_NO_PART : part->parent < i);
    require(i == 0 || part->depth == m->parts[part->parent].depth + 1);
    require(part->name.n == 0 || span_is_utf8(part->name));
    for (size_t k = 0; k < part->header.count; k++)
        require(is_within(part->header.fields[k].raw, m->bytes));
    require(mail_decode_body(part, &bytes, &seen) == SD_OK);
    require(mail_to_utf8(buf_span(&bytes), part->charset, &utf8, &seen) == SD_OK);
}

static void use_fields(const struct mail_message *m) {
    struct mail_address from;
    struct span ids[LIMIT_REFERENCES];
    int64_t date;
    struct span subject = mail_subject(m);
    require(subject.n <= LIMIT_SUBJECT_BYTES && (subject.n == 0 || span_is_utf8(subject)));
    require(mail_from(m, &from) != SD_OK || (from.domain.n && from.address.n <= 2 * LIMIT_ADDRESS_BYTES));
    require(mail_references(m, ids, SD_COUNT(ids)) <= LIMIT_REFERENCES);
    (void)mail_message_id(m);
    (void)mail_is_automatic(m);
    (void)(mail_date(m, &date) == SD_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)8 * 1024 * 1024);
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_TEXT_BYTES);
    struct mail_message m;
    if (!arena)
        return 0;
    require(mail_parse(span_of(data, size), arena, &m) == SD_OK);
    require(m.part_count >= 1 && m.part_count <= LIMIT_PARTS && m.header_bytes.n + m.body_bytes.n == size);
    use_fields(&m);
    for (size_t i = 0; i < m.part_count; i++)
        use_part(&m, i);
    require(mail_text(&m, &text, &m.ambiguities) == SD_OK);
    require(text.n <= LIMIT_TEXT_BYTES && (text.n == 0 || span_is_utf8(buf_span(&text))));
    return 0;
}
