#include "inspect/inspect.h"

#include "auth/link_check.h"
#include "core/ipc/cards.h"
#include "core/json_out.h"
#include "crypt/crypt.h"
#include "crypt/seal.h"
#include "inspect/attachments.h"
#include "mail/html_clean.h"

#define BUNDLE_BYTES (ATTACHMENTS_BYTES + (size_t)4 * 1024 * 1024) /* text, head card, frames */

struct span lower_case(struct span s, struct arena *arena) {
    struct span copy = arena_span(arena, s);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (uint8_t)(p[i] + 32);
    return copy;
}

struct span text_at_most(struct span s, size_t max) {
    if (s.n > max)
        s.n = max;
    for (size_t cut = 0; cut < 4 && cut <= s.n; cut++)
        if (span_is_utf8(span_sub(s, 0, s.n - cut)))
            return span_sub(s, 0, s.n - cut);
    return SPAN_NONE;
}

static void put_facet(struct buf *bundle, enum facet facet, uint16_t index, struct span content) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(content.n + 64);
    const struct cards_facet_v1 f = {.facet = (uint8_t)facet, .index = index, .content = content};
    if (cards_facet_v1_encode(&card, &f) != SD_OK)
        buf_fail(bundle, SD_ERR_LIMIT);
    buf_blob(bundle, buf_span(&card.body));
}

/* ---- the head card ---- */

/* Lists that the head card borrows while it is encoded. */
struct head_parts {
    struct buf to, cc, references, attachments, checks, signals, ambiguities;
};

static struct head_parts head_parts_new(void) {
    return (struct head_parts){buf_new(128 * 1024), buf_new(128 * 1024), buf_new(64 * 1024), buf_new(160 * 1024),
                               buf_new(32768),      buf_new(8192),       buf_new(8192)};
}

static void head_parts_free(struct head_parts *p) {
    struct buf *all[] = {&p->to, &p->cc, &p->references, &p->attachments, &p->checks, &p->signals, &p->ambiguities};
    for (size_t i = 0; i < SD_COUNT(all); i++)
        buf_free(all[i]);
}

static void put_mailboxes(const struct mail_message *m, struct span field, struct ipc_list *list, struct buf *raw) {
    const struct mail_field *f = mail_field_first(&m->header, field);
    struct mail_address_list addresses = {0};
    if (!f || mail_parse_addresses(f->body, m->arena, &addresses) != SD_OK)
        return;
    for (size_t i = 0; i < addresses.count && list->count < 100; i++) {
        struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_out_new();
        const struct cards_mailbox_v1 box = {text_at_most(addresses.items[i].display, 512),
                                             text_at_most(addresses.items[i].address, 320)};
        if (cards_mailbox_v1_encode(&card, &box) == SD_OK)
            ipc_list_add(list, raw, buf_span(&card.body));
    }
}

static void put_references(const struct mail_message *m, struct ipc_list *list, struct buf *raw) {
    struct span ids[LIMIT_REFERENCES];
    size_t n = mail_references(m, ids, SD_COUNT(ids));
    for (size_t i = 0; i < n; i++)
        if (ids[i].n <= 998 && span_is_utf8(ids[i]))
            ipc_list_add(list, raw, ids[i]);
}

static struct span reply_to(const struct mail_message *m) {
    const struct mail_field *f = mail_field_first(&m->header, SPAN("Reply-To"));
    struct mail_address_list list = {0};
    if (!f || mail_parse_addresses(f->body, m->arena, &list) != SD_OK || list.count != 1)
        return SPAN_NONE;
    return text_at_most(list.items[0].address, 320);
}

static void put_attachments(const struct mail_message *m, struct ipc_list *list, struct buf *raw, const uint64_t *sizes,
                            size_t count) {
    for (size_t i = 0; i < m->part_count && list->count < count; i++) {
        const struct mail_part *part = &m->parts[i];
        if (!part->is_attachment || part->is_multipart)
            continue;
        struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_out_new();
        const struct cards_attachment_v1 a = {text_at_most(part->name, 512), text_at_most(part->type, 128), sizes[list->count]};
        if (cards_attachment_v1_encode(&card, &a) == SD_OK)
            ipc_list_add(list, raw, buf_span(&card.body));
    }
}

static void put_head(const struct mail_message *m, const struct auth_policy *policy, const struct auth_judgement *j,
                     const uint64_t *sizes, size_t count, struct buf *bundle) {
    struct head_parts parts SD_CLEANUP(head_parts_free) = head_parts_new();
    struct cards_head_v1 head = {
        .subject = text_at_most(mail_subject(m), LIMIT_SUBJECT_BYTES),
        .from_name = text_at_most(j->from.display, 512),
        .from_address = text_at_most(j->from.address, 320),
        .reply_to = reply_to(m),
        .message_id = text_at_most(mail_message_id(m), 998),
        .trust = (uint8_t)j->trust,
        .trust_domain = text_at_most(j->trust_domain, 255),
        .trust_sentence = text_at_most(j->trust_sentence, 512),
        .disposition_reason = text_at_most(j->disposition_reason, 512),
        .automatic = mail_is_automatic(m),
    };
    if (mail_date(m, &head.date_ms) != SD_OK)
        head.date_ms = 0;
    put_mailboxes(m, SPAN("To"), &head.to, &parts.to);
    put_mailboxes(m, SPAN("Cc"), &head.cc, &parts.cc);
    put_references(m, &head.references, &parts.references);
    put_attachments(m, &head.attachments, &parts.attachments, sizes, count);
    auth_checks_json(j, &parts.checks);
    auth_signals_json(j, policy->weights, &parts.signals);
    auth_ambiguities_json(j, &parts.ambiguities);
    head.checks = buf_span(&parts.checks);
    head.signals = buf_span(&parts.signals);
    head.ambiguities = buf_span(&parts.ambiguities);
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(1024 * 1024);
    enum sd_err err = cards_head_v1_encode(&card, &head);
    if (err)
        buf_fail(bundle, err);
    put_facet(bundle, FACET_HEAD, 0, buf_span(&card.body));
}

/* ---- all facets ---- */

static enum sd_err look_at_links(const struct mail_message *m, const struct auth_policy *policy,
                                 struct auth_judgement *judgement) {
    bool misleads = false;
    enum sd_err err = links_mislead(m, m->arena, &misleads);
    if (err == SD_OK && misleads)
        auth_signal_later(judgement, AUTH_SIGNAL_LINK_MISMATCH, policy);
    return err;
}

static enum sd_err put_text(const struct mail_message *m, struct letter_facets *f) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_TEXT_BYTES + 4096);
    enum sd_err err = mail_text(m, &text, &f->ambiguities);
    if (err == SD_OK)
        put_facet(&f->bundle, FACET_TEXT, 0, buf_span(&text));
    return err;
}

static enum sd_err put_html(const struct mail_message *m, struct letter_facets *f) {
    struct buf html SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    enum sd_err err = mail_html(m, &html, &f->ambiguities);
    if (err == SD_OK && html.n)
        put_facet(&f->bundle, FACET_HTML, 0, buf_span(&html));
    return err;
}

static enum sd_err put_file(void *ctx, const struct attachment *attachment) {
    struct letter_facets *f = ctx;
    f->sizes[f->attachments] = attachment->content.n;
    put_facet(&f->bundle, FACET_FILE, f->attachments, attachment->content);
    f->file_at[f->attachments++] = f->bundle.n - attachment->content.n; /* it is the card's last field */
    return buf_err(&f->bundle);
}

enum sd_err facets_of_files(const struct mail_message *m, struct letter_facets *ret) {
    struct letter_facets f = {.bundle = buf_new(BUNDLE_BYTES)};
    enum sd_err err = attachments_each(m, &f.ambiguities, put_file, &f);
    if (err)
        buf_free(&f.bundle);
    else
        *ret = f;
    return err;
}

void facets_parts(const struct letter_facets *facets, struct letter_parts *parts) {
    struct span bundle = buf_span(&facets->bundle);
    parts->count = facets->attachments;
    for (size_t i = 0; i < facets->attachments; i++)
        parts->files[i] = span_sub(bundle, facets->file_at[i], facets->sizes[i]);
}

enum sd_err facets_begin(const struct mail_message *message, const struct auth_policy *policy, struct auth_judgement *judgement,
                         struct letter_facets *ret) {
    struct letter_facets f = {.bundle = buf_new(BUNDLE_BYTES)};
    enum sd_err err = put_text(message, &f);
    if (err == SD_OK)
        err = put_html(message, &f);
    if (err == SD_OK)
        err = attachments_each(message, &f.ambiguities, put_file, &f);
    if (err == SD_OK)
        err = auth_found_later(judgement, f.ambiguities, policy, message->arena);
    if (err == SD_OK)
        err = look_at_links(message, policy, judgement);
    if (err == SD_OK)
        err = buf_err(&f.bundle);
    if (err)
        buf_free(&f.bundle);
    else
        *ret = f;
    return err;
}

enum sd_err facets_finish(const struct mail_message *message, const struct auth_policy *policy,
                          const struct auth_judgement *judgement, struct letter_facets *facets) {
    put_head(message, policy, judgement, facets->sizes, facets->attachments, &facets->bundle);
    return buf_err(&facets->bundle);
}

/* ---- ids ---- */

enum sd_err letter_ids_make(const struct mail_message *message, struct letter_ids *ret) {
    struct letter_ids ids = {.raw = buf_new(8192)};
    struct span references[LIMIT_REFERENCES];
    struct sha256 hash;
    struct span own = mail_message_id(message);
    enum sd_err err = own.n ? crypt_sha256(own, &hash) : SD_OK;
    for (size_t i = 0; own.n && err == SD_OK && i < sizeof hash.b; i++)
        ids.message_id_hash[i] = hash.b[i];
    size_t n = mail_references(message, references, SD_COUNT(references));
    for (size_t i = 0; i < n && err == SD_OK; i++) {
        err = crypt_sha256(references[i], &hash);
        ipc_list_add(&ids.reference_hashes, &ids.raw, span_of(hash.b, sizeof hash.b));
    }
    if (err == SD_OK)
        err = buf_err(&ids.raw);
    if (err)
        buf_free(&ids.raw);
    else
        *ret = ids;
    return err;
}
