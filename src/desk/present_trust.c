#include "desk/present_trust.h"
#include "auth/auth.h"
#include "desk/input.h"
#include "desk/present.h"
#include "desk/trust_line.h"

#define LINE_BYTES_MAX 1024

static bool has_signal(uint64_t signals, enum auth_signal signal) {
    return signals >> signal & 1;
}

/* ---- the line ---- */

static enum acquaintance acquaintance_of(const struct message_row *row) {
    /* What is known is the address's; whoever failed to be its owner must not borrow it. */
    if (row->direction == DIRECTION_OUT || row->trust == TRUST_FAILED)
        return ACQUAINTANCE_NOTHING;
    if (row->known > 0 && row->known_since_ms > 0)
        return ACQUAINTANCE_KNOWN;
    return has_signal(row->signals, AUTH_SIGNAL_FIRST_CONTACT) ? ACQUAINTANCE_FIRST : ACQUAINTANCE_NOTHING;
}

/* The sealed card goes before the store's column. Cards of before say nothing of it: then only the column's yes counts. */
static enum hop hop_of(const struct json_in *checks, const struct message_row *row) {
    const struct json_in *tls = in_member(checks, "tls");
    if (row->direction == DIRECTION_OUT)
        return HOP_NOT_SAID;
    if (in_true(in_member(checks, "upstream")))
        return HOP_RELAYED;
    switch (in_kind(tls)) {
    case IN_OBJECT:
        return HOP_ENCRYPTED;
    case IN_NULL:
        return HOP_CLEAR;
    default:
        return row->encrypted ? HOP_ENCRYPTED : HOP_NOT_SAID;
    }
}

static void put_line(struct json_out *j, const struct cards_head_v1 *card, const struct json_in *checks,
                     const struct message_row *row) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(LINE_BYTES_MAX);
    struct trust_line line = {.sentence = card->trust_sentence,
                              .acquaintance = acquaintance_of(row),
                              .known = row->known,
                              .known_since_ms = row->known_since_ms,
                              .hop = hop_of(checks, row),
                              .tls_version = in_text(in_member(in_member(checks, "tls"), "version"))};
    trust_line_put(&text, &line);
    json_text(j, "line", buf_err(&text) ? card->trust_sentence : buf_span(&text));
}

/* ---- signals ---- */

/* Those said already, and how many of them weigh something. Without a writer they are only counted. */
struct said {
    struct json_out *j; /* may be NULL */
    const uint16_t *weights;
    uint64_t signals;
    unsigned warnings;
};

static void say_signal(struct said *said, struct span id, struct span sentence, int64_t weight) {
    said->warnings += weight > 0;
    if (!said->j)
        return;
    json_begin_object(said->j, NULL);
    json_text(said->j, "id", id);
    json_text(said->j, "sentence", sentence);
    json_int(said->j, "weight", weight);
    json_end(said->j);
}

/* The inspector's, in its own words; it may be of another version and know others. */
static void say_card_signals(struct said *said, const struct json_in *list) {
    for (size_t i = 0; in_kind(list) == IN_LIST && i < in_count(list); i++) {
        const struct json_in *item = in_item(list, i);
        struct span id = in_text(in_member(item, "id"));
        enum auth_signal signal = auth_signal_from(id);
        bool is_known = signal < AUTH_SIGNAL_COUNT;
        if (id.n == 0 || (is_known && has_signal(said->signals, signal)))
            continue;
        int64_t weight = in_int(in_member(item, "weight"), is_known ? said->weights[signal] : 0);
        say_signal(said, id, in_text(in_member(item, "sentence")), weight);
        said->signals |= is_known ? UINT64_C(1) << signal : 0;
    }
}

static void say_signals(struct said *said, const struct cards_head_v1 *card, const struct message_row *row) {
    struct json_in *list SD_CLEANUP(in_free) = NULL;
    if (in_read(card->signals, &list) == SD_OK)
        say_card_signals(said, list);
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
        if (has_signal(row->signals & ~said->signals, s))
            say_signal(said, span_cstr(auth_signal_id(s)), span_cstr(auth_signal_sentence(s)), said->weights[s]);
}

static void put_signals(const struct desk *desk, struct json_out *j, const struct cards_head_v1 *card,
                        const struct message_row *row) {
    struct said said = {.j = j, .weights = desk->weights};
    json_begin_array(j, "signals");
    say_signals(&said, card, row);
    json_end(j);
}

unsigned count_warnings(const struct desk *desk, const struct cards_head_v1 *card, const struct message_row *row) {
    struct said said = {.weights = desk->weights};
    say_signals(&said, card, row);
    return said.warnings;
}

/* ---- the rest ---- */

static void put_known(struct json_out *j, const struct message_row *row) {
    enum acquaintance acquaintance = acquaintance_of(row);
    if (acquaintance == ACQUAINTANCE_NOTHING) {
        json_put_null(j, "known");
        return;
    }
    json_begin_object(j, "known");
    json_int(j, "messages", acquaintance == ACQUAINTANCE_FIRST ? 0 : row->known);
    put_date(j, "since", acquaintance == ACQUAINTANCE_FIRST ? 0 : row->known_since_ms);
    json_end(j);
}

static void put_encrypted(struct json_out *j, const struct json_in *checks, const struct message_row *row) {
    enum hop hop = hop_of(checks, row);
    if (hop == HOP_NOT_SAID)
        json_put_null(j, "encrypted");
    else
        json_bool(j, "encrypted", hop == HOP_ENCRYPTED || in_kind(in_member(checks, "tls")) == IN_OBJECT);
}

/*
 * The card has the inspector's reason. What the keeper made stricter after that has another: its signals, or a gate that is
 * shut to this trust level.
 */
static struct span reason_of(const struct desk *desk, const struct cards_head_v1 *card, const struct message_row *row) {
    bool by_signals = row->disposition == DISPOSITION_FLAG || policy_weight(row->signals, desk->weights) >= desk->review_at;
    if (!row->stricter)
        return card->disposition_reason;
    if (!by_signals)
        return SPAN("A sender of this trust level may not open a ticket by the gates of this desk.");
    return span_cstr(auth_signal_sentence(policy_heaviest(row->signals, desk->weights)));
}

void put_sender(const struct desk *desk, struct json_out *j, const struct cards_head_v1 *card, const struct message_row *row) {
    struct json_in *checks SD_CLEANUP(in_free) = NULL;
    enum sd_err err = in_read(card->checks, &checks);
    json_begin_object(j, "trust");
    put_trust_members(j, card);
    put_line(j, card, checks, row);
    if (err == SD_OK && in_kind(checks) == IN_OBJECT)
        json_raw(j, "checks", card->checks);
    else
        json_put_null(j, "checks");
    put_signals(desk, j, card, row);
    put_known(j, row);
    put_encrypted(j, checks, row);
    json_end(j);
    if (row->direction == DIRECTION_OUT) {
        json_put_null(j, "disposition");
        json_text(j, "disposition_reason", SPAN_NONE);
        json_put_null(j, "as_customer");
        return;
    }
    json_cstr(j, "disposition", disposition_text(row->disposition));
    json_text(j, "disposition_reason", reason_of(desk, card, row));
    json_bool(j, "as_customer", row->as_customer);
}
