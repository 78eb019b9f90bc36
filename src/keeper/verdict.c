#include "keeper/verdict.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct kept {
    struct kept *older, *newer; /* in the order that they came */
    struct kept *next;          /* in the same bucket */
    uint8_t letter[SHA256_BYTES];
    int64_t kept_ms;
    enum object_state worst;
    uint32_t parts;
    size_t engine_n, n;
    uint8_t bytes[]; /* engine, then the list */
};

struct verdicts {
    struct kept *oldest, *newest;
    struct kept *buckets[BUCKETS];
    size_t count, bytes;
};

/* ---- one part ---- */

bool verdict_text_fits(struct span text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
    return text.n <= VERDICT_TEXT_MAX;
}

enum sd_err verdict_part_read(struct span item, struct verdict_part *ret) {
    struct cards_verdict_v1 card;
    enum sd_err err = cards_verdict_v1_decode(item, NULL, &card);
    if (err)
        return err;
    if (card.state > OBJECT_UNSCANNABLE || !verdict_text_fits(card.signature))
        return SD_ERR_PARSE;
    *ret = (struct verdict_part){.digest = card.digest,
                                 .state = object_state_worse((enum object_state)card.state, findings_state(card.findings)),
                                 .findings = card.findings & ((UINT64_C(1) << FINDING_COUNT) - 1),
                                 .signature = card.signature};
    return SD_OK;
}

/* ---- many ---- */

static struct kept **bucket_of(struct verdicts *verdicts, const uint8_t letter[SHA256_BYTES]) {
    uint32_t at = (uint32_t)letter[0] | (uint32_t)letter[1] << 8;
    return &verdicts->buckets[at % BUCKETS];
}

static struct kept *find(struct verdicts *verdicts, const uint8_t letter[SHA256_BYTES]) {
    struct kept *kept = *bucket_of(verdicts, letter);
    while (kept && memcmp(kept->letter, letter, SHA256_BYTES) != 0)
        kept = kept->next;
    return kept;
}

static size_t bytes_of(const struct kept *kept) {
    return sizeof *kept + kept->n;
}

static void drop(struct verdicts *verdicts, struct kept *kept) {
    struct kept **at = bucket_of(verdicts, kept->letter);
    while (*at != kept)
        at = &(*at)->next;
    *at = kept->next;
    *(kept->older ? &kept->older->newer : &verdicts->oldest) = kept->newer;
    *(kept->newer ? &kept->newer->older : &verdicts->newest) = kept->older;
    verdicts->count--;
    verdicts->bytes -= bytes_of(kept);
    free(kept);
}

static bool is_over(const struct kept *kept, int64_t now_ms) {
    return now_ms - kept->kept_ms >= VERDICT_KEPT_MS;
}

static void make_room(struct verdicts *verdicts, size_t bytes, int64_t now_ms) {
    while (verdicts->oldest && (is_over(verdicts->oldest, now_ms) || verdicts->count >= VERDICTS_MAX ||
                                verdicts->bytes + bytes > VERDICTS_MAX_BYTES))
        drop(verdicts, verdicts->oldest);
}

static void add(struct verdicts *verdicts, struct kept *kept) {
    struct kept **bucket = bucket_of(verdicts, kept->letter);
    kept->next = *bucket;
    *bucket = kept;
    kept->older = verdicts->newest;
    *(verdicts->newest ? &verdicts->newest->newer : &verdicts->oldest) = kept;
    verdicts->newest = kept;
    verdicts->count++;
    verdicts->bytes += bytes_of(kept);
}

static enum sd_err check(struct span letter, struct ipc_list parts, enum object_state *ret_worst) {
    struct ipc_list_iter iter = ipc_list_start(parts);
    struct verdict_part part;
    struct span item;
    enum object_state worst = OBJECT_CLEAN;
    for (unsigned i = 0; ipc_list_next(&iter, &item); i++) {
        enum sd_err err = verdict_part_read(item, &part);
        if (err || (i == 0 && !span_eq(part.digest, letter)))
            return SD_ERR_PARSE;
        worst = object_state_worse(worst, part.state);
    }
    *ret_worst = worst;
    return parts.count ? SD_OK : SD_ERR_PARSE;
}

static struct kept *copy(struct span letter, struct span engine, struct ipc_list parts) {
    struct kept *kept = calloc(1, sizeof *kept + engine.n + parts.raw.n);
    if (!kept)
        return NULL;
    memcpy(kept->letter, letter.p, SHA256_BYTES);
    kept->parts = parts.count;
    kept->engine_n = engine.n;
    kept->n = engine.n + parts.raw.n;
    if (engine.n)
        memcpy(kept->bytes, engine.p, engine.n);
    memcpy(kept->bytes + engine.n, parts.raw.p, parts.raw.n);
    return kept;
}

enum sd_err verdicts_keep(struct keeper *k, struct span letter, struct span engine, struct ipc_list parts) {
    enum object_state worst = OBJECT_UNSCANNED;
    int64_t now_ms = k->spec.now_ms();
    enum sd_err err = verdict_text_fits(engine) ? check(letter, parts, &worst) : SD_ERR_PARSE;
    if (err)
        return err;
    if (!k->verdicts)
        k->verdicts = calloc(1, sizeof *k->verdicts);
    struct kept *before = k->verdicts ? find(k->verdicts, letter.p) : NULL;
    if (before && before->worst == OBJECT_MALICIOUS && worst != OBJECT_MALICIOUS && !is_over(before, now_ms))
        return SD_OK;
    struct kept *kept = k->verdicts ? copy(letter, engine, parts) : NULL;
    if (!kept)
        return SD_ERR_NOMEM;
    kept->kept_ms = now_ms;
    kept->worst = worst;
    if (before)
        drop(k->verdicts, before);
    make_room(k->verdicts, bytes_of(kept), now_ms);
    add(k->verdicts, kept);
    return SD_OK;
}

bool verdicts_find(struct keeper *k, struct span letter, struct verdict_kept *ret) {
    struct kept *kept = k->verdicts && letter.n == SHA256_BYTES ? find(k->verdicts, letter.p) : NULL;
    if (!kept || is_over(kept, k->spec.now_ms()))
        return false;
    struct span bytes = span_of(kept->bytes, kept->n);
    *ret = (struct verdict_kept){.engine = span_sub(bytes, 0, kept->engine_n),
                                 .parts = {.raw = span_from(bytes, kept->engine_n), .count = kept->parts},
                                 .kept_ms = kept->kept_ms};
    return true;
}

void verdicts_free(struct keeper *k) {
    while (k->verdicts && k->verdicts->oldest)
        drop(k->verdicts, k->verdicts->oldest);
    free(k->verdicts);
    k->verdicts = NULL;
}
