/* adversary_draw.c - values for fields: what the field's name says it is, what was heard before, the edges of its type, noise.
 */
#include "keeper/adversary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
static uint64_t dice_roll(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t dice_below(struct dice *dice, uint32_t n) {
    return (uint32_t)(dice_roll(dice) % n);
}

bool dice_one_in(struct dice *dice, uint32_t n) {
    return dice_below(dice, n) == 0;
}

void dice_bytes(struct dice *dice, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)dice_roll(dice);
}

void pool_add(struct pool *pool, struct span value) {
    if (value.n == 0 || value.n > sizeof pool->of[0].b)
        return;
    struct known *known = &pool->of[pool->at++ % KNOWN_MAX];
    known->n = (uint8_t)value.n;
    memcpy(known->b, value.p, value.n);
    if (pool->count < KNOWN_MAX)
        pool->count++;
}

static struct span from_pool(struct dice *dice, const struct pool *pool) {
    if (pool->count == 0)
        return SPAN_NONE;
    const struct known *known = &pool->of[dice_below(dice, (uint32_t)pool->count)];
    return span_of(known->b, known->n);
}

/* Room in the message's scratch; what lies there lives until the next message. */
static uint8_t *room(struct player *player, size_t n) {
    uint8_t *p = buf_reserve(&player->scratch, n);
    MUST(p != NULL);
    buf_grew(&player->scratch, n);
    return p;
}

static bool called(const char *name, const char *what) {
    return strcmp(name, what) == 0;
}

/* ---- numbers ---- */

static uint64_t near_now(struct dice *dice) {
    static const int64_t steps[] = {-86400000, -60000, -1, 0, 1, 60000, 3600000, 86400000, INT64_C(31) * 86400000};
    return (uint64_t)(clock_unix_ms() + steps[dice_below(dice, SD_COUNT(steps))]);
}

uint64_t draw_number(struct player *player, const char *name, unsigned bits) {
    struct dice *dice = &player->dice;
    static const uint64_t edges[] = {0, 1, 2, 255, 65535, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX};
    uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    if (dice_one_in(dice, 8))
        return edges[dice_below(dice, SD_COUNT(edges))] & mask;
    if (dice_one_in(dice, 16))
        return dice_roll(dice) & mask;
    if (called(name, "verb"))
        return dice_below(dice, VERB_COUNT + 1);
    if (called(name, "verbs"))
        return dice_roll(dice) & ((UINT64_C(1) << VERB_COUNT) - 1);
    if (bits == 64 && strstr(name, "_ms"))
        return near_now(dice);
    return dice_below(dice, 10) & mask;
}

/* ---- bytes ---- */

static struct span draw_token(struct player *player) {
    unsigned have[TOKENS], count = 0;
    for (unsigned i = 0; i < TOKENS; i++)
        if (player->tokens >> i & 1)
            have[count++] = i;
    if (count == 0 || dice_one_in(&player->dice, 20))
        return from_pool(&player->dice, &player->secrets);
    return span_of(player->w->tokens[have[dice_below(&player->dice, count)]], 32);
}

static struct span noise(struct player *player, size_t max) {
    struct dice *dice = &player->dice;
    size_t n = dice_one_in(dice, 6) ? max : dice_below(dice, (uint32_t)(max < 80 ? max : 80) + 1);
    uint8_t *p = room(player, n + 1);
    dice_bytes(dice, p, n);
    return span_of(p, n);
}

struct span draw_bytes(struct player *player, const char *name, size_t max) {
    struct dice *dice = &player->dice;
    struct span value = SPAN_NONE;
    if (called(name, "token"))
        value = draw_token(player);
    else if (dice_one_in(dice, 8))
        return dice_one_in(dice, 2) ? SPAN_NONE : noise(player, max);
    else if (max == 16 || called(name, "object"))
        value = dice_one_in(dice, 3) ? SPAN_NONE : from_pool(dice, &player->ids);
    else if (called(name, "password")) /* typed at this desk once; the old one is not, or its owner could change it */
        value = SPAN(RIG_PERSON_PASSWORD);
    else if (max == 320)
        value = from_pool(dice, &player->words);
    else
        value = dice_one_in(dice, 2) ? from_pool(dice, &player->secrets) : noise(player, max);
    return span_sub(value, 0, max);
}

/* Digests that mean something here: of sources and files, of letters at the door. */
static struct span some_digest(struct player *player) {
    static const uint8_t first[] = {RIG_MAIL_DIGEST, RIG_MAIL_DIGEST, RIG_OTHER_DIGEST, WORLD_INSPECTED, WORLD_INSPECTED + 1};
    uint8_t *p = room(player, 32);
    memset(p, 0, 32);
    p[0] = first[dice_below(&player->dice, SD_COUNT(first))];
    return span_of(p, 32);
}

struct span draw_fixed(struct player *player, const char *name, size_t n) {
    struct dice *dice = &player->dice;
    struct span value = SPAN_NONE;
    if (called(name, "letter") && !dice_one_in(dice, 8))
        return some_digest(player);
    if (n == 16 && called(name, "ticket") && !dice_one_in(dice, 10))
        value = span_of(player->w->tickets[dice_below(dice, (uint32_t)player->w->ticket_count)].id, 16);
    else if (n == 16 && called(name, "warrant") && !dice_one_in(dice, 4))
        value = span_of(player->w->warrants[dice_below(dice, (uint32_t)player->w->warrant_count)], 16);
    else if (!dice_one_in(dice, 8))
        value = from_pool(dice, n == 16 ? &player->ids : &player->secrets);
    if (value.n == n)
        return value;
    uint8_t *p = room(player, n);
    dice_bytes(dice, p, n);
    return span_of(p, n);
}

/* ---- text ---- */

static const char *const vocabulary[] = {
    "support",
    "billing",
    "*",
    "agent",
    "admin",
    "open",
    "closed",
    "pending",
    "spam",
    "review",
    "quarantine",
    "normal",
    "confidential",
    "special",
    "export",
    "rescan",
    "index",
    "deliver",
    "2.0.0",
    "5.1.1",
    "TLSv1.3",
    "example.test",
    "customer.example",
    "support@example.test",
    "anna@customer.example",
    "AGENT@example.test",
    "ADMIN@example.test",
    "HONEST@example.test",
    "The customer called and asked.",
    "192.0.2.0/24",
    "supervisor",
    "security",
    "",
};
static const char *const tricks[] = {
    DRAW_MARK "\",\"actor\":{\"kind\":\"root\",\"id\":\"",
    DRAW_MARK "\n{\"seq\":1}",
    DRAW_MARK "\\\"",
    DRAW_MARK "' OR 1=1 --",
    DRAW_MARK "../../root.key",
    DRAW_MARK "\xe2\x80\x8b\xf0\x9f\x94\x91",
    DRAW_MARK "%n%s%p",
};

static struct span trick(struct player *player, size_t max) {
    struct dice *dice = &player->dice;
    if (!dice_one_in(dice, 4))
        return span_cstr(tricks[dice_below(dice, SD_COUNT(tricks))]);
    size_t n = dice_one_in(dice, 3) ? max : dice_below(dice, (uint32_t)max + 1);
    uint8_t *p = room(player, n + sizeof DRAW_MARK);
    memset(p, 'a' + (int)dice_below(dice, 26), n);
    memcpy(p, DRAW_MARK, n < sizeof DRAW_MARK - 1 ? n : sizeof DRAW_MARK - 1);
    return span_of(p, n);
}

static struct span some_origin(struct player *player) {
    char *p = (char *)room(player, 24);
    int n = snprintf(p, 24, "192.0.2.%u", dice_below(&player->dice, 256));
    return span_of(p, (size_t)n);
}

struct span draw_text(struct player *player, const char *name, size_t max) {
    struct dice *dice = &player->dice;
    struct span value;
    if (called(name, "origin") && !dice_one_in(dice, 6))
        value = some_origin(player);
    else if (dice_one_in(dice, 4))
        value = trick(player, max);
    else if (dice_one_in(dice, 2) && player->words.count)
        value = from_pool(dice, &player->words);
    else
        value = span_cstr(vocabulary[dice_below(dice, SD_COUNT(vocabulary))]);
    while (value.n > max || !span_is_utf8(value))
        value = span_sub(value, 0, value.n > max ? max : value.n - 1);
    return value;
}

/* ---- lists ---- */

static struct span rule_item(struct player *player) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct cards_rule_v1 rule = {.allow = !dice_one_in(&player->dice, 4),
                                 .verbs = (uint32_t)draw_number(player, "verbs", 32),
                                 .queue = draw_text(player, "queue", 64),
                                 .categories = (uint8_t)dice_below(&player->dice, 8),
                                 .until_ms = (int64_t)draw_number(player, "until_ms", 64)};
    MUST(cards_rule_v1_encode(&card, &rule) == SD_OK);
    uint8_t *p = room(player, card.body.n);
    memcpy(p, card.body.p, card.body.n);
    return span_of(p, card.body.n);
}

static struct span verdict_item(struct player *player) {
    struct dice *dice = &player->dice;
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct cards_verdict_v1 verdict = {.digest = some_digest(player),
                                       .state = (uint8_t)dice_below(dice, OBJECT_UNSCANNABLE + 1),
                                       .findings = dice_one_in(dice, 4) ? dice_roll(dice) : 0,
                                       .signature = draw_text(player, "signature", 128)};
    MUST(cards_verdict_v1_encode(&card, &verdict) == SD_OK);
    uint8_t *p = room(player, card.body.n);
    memcpy(p, card.body.p, card.body.n);
    return span_of(p, card.body.n);
}

static struct span list_item(struct player *player, const char *name, size_t max_each) {
    if (called(name, "objects") || max_each == 16)
        return draw_fixed(player, "object", 16);
    if (called(name, "rules") && !dice_one_in(&player->dice, 6))
        return rule_item(player);
    if (called(name, "verdicts") && !dice_one_in(&player->dice, 6))
        return verdict_item(player);
    if (called(name, "cc") && dice_one_in(&player->dice, 2))
        return SPAN(EVE);
    if (max_each > 2000)
        return noise(player, 2000);
    return dice_one_in(&player->dice, 3) ? noise(player, max_each) : draw_text(player, name, max_each);
}

struct ipc_list draw_list(struct player *player, const char *name, size_t max_count, size_t max_each, struct buf *raw) {
    struct ipc_list list = {0};
    struct dice *dice = &player->dice;
    bool letters = called(name, "records"), rare = dice_one_in(dice, 10);
    size_t count = rare ? max_count : dice_below(dice, 4);
    for (size_t i = 0; i < count && raw->n < 40000; i++)
        if (letters && !dice_one_in(dice, 3))
            rig_put_mail(&player->w->intake, world_letter(player->w, dice), &list, raw);
        else
            ipc_list_add(&list, raw, list_item(player, name, max_each));
    return list;
}

/* ---- messages to be signed ---- */

static const char *const senders[] = {"support@example.test",
                                      "Support <support@example.test>",
                                      "billing@example.test",
                                      "support@example.test, " EVE,
                                      EVE,
                                      "\"support@example.test\" <" EVE ">"};
static const char *const receivers[] = {"anna@customer.example", "anna@customer.example", EVE, "anna@customer.example, " EVE};
static const char *const extras[] = {"",
                                     "",
                                     "",
                                     "",
                                     "Bcc: " EVE "\r\n",
                                     "From: " EVE "\r\n",
                                     "Sender: " EVE "\r\n",
                                     "Cc: anna@customer.example\r\n",
                                     "Cc: " EVE "\r\n",
                                     "Reply-To: " EVE "\r\n",
                                     "DKIM-Signature: v=1\r\n",
                                     "X-Odd: 1\r\n",
                                     "Subject: two\n",
                                     "To: " EVE "\r\n"};
static const char *const bodies[] = {"Hello\r\n", "Hello\r\n", "Hello\r\n", "", "bare\nline\r\n", "\r\n.\r\nMAIL FROM:<>\r\n"};

#define PICK(list) (list)[dice_below(dice, SD_COUNT(list))]

static void proper_message(struct dice *dice, struct buf *to) {
    const char *sender = dice_one_in(dice, 2) ? senders[0] : PICK(senders);
    const char *receiver = dice_one_in(dice, 2) ? receivers[0] : PICK(receivers);
    buf_printf(to, "From: %s\r\nTo: %s\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n", sender, receiver);
    buf_printf(to, "Message-ID: <%08x@example.test>\r\nSubject: Re: x\r\n%s\r\n%s", dice_below(dice, UINT32_MAX), PICK(extras),
               PICK(bodies));
    while (dice_one_in(dice, 40) && to->n < (size_t)200 * 1024)
        buf_fill(to, 'x', 100);
}

struct span draw_payload(struct player *player, size_t max) {
    struct dice *dice = &player->dice;
    struct buf message SD_CLEANUP(buf_free) = buf_new(max);
    if (dice_one_in(dice, 10))
        return noise(player, 600);
    proper_message(dice, &message);
    while (dice_one_in(dice, 30) && message.n + 2000 < max && message.n < (size_t)300 * 1024)
        for (unsigned i = 0; i < 1000; i++)
            buf_text(&message, "\r\n");
    uint8_t *p = room(player, message.n);
    memcpy(p, message.p, message.n);
    return span_of(p, message.n);
}
