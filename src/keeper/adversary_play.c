/* adversary_play.c - every message of keeper.def, made of drawn values; then what no proper peer would send. */
#include "keeper/adversary.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- from the table: a maker and a taker per message ---- */

static void note_bytes(struct player *player, const char *name, struct span value) {
    struct asked *now = player->now;
    const struct world *w = player->w;
    if (!now || value.n == 0)
        return;
    for (unsigned i = 0; i < TOKENS && strcmp(name, "token") == 0; i++)
        if (span_eq(value, span_of(w->tokens[i], 32)))
            now->token = (int)i;
    for (size_t i = 0; i < w->warrant_count && strcmp(name, "warrant") == 0; i++)
        if (span_eq(value, span_of(w->warrants[i], 16)))
            now->warrant = (int)i;
    if (strcmp(name, "ticket") == 0)
        now->ticket = world_ticket_at(w, value);
}

static uint8_t *copy_of(struct span s) {
    uint8_t *p = malloc(s.n + 1);
    MUST(p != NULL);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

static void note_message(struct player *player, struct span message) {
    if (!player->now)
        return;
    free(player->now->message);
    player->now->message = copy_of(message);
    player->now->message_n = message.n;
}

static void note_list(struct player *player, const char *name, struct ipc_list list) {
    if (!player->now || strcmp(name, "cc") != 0)
        return;
    free(player->now->cc);
    player->now->cc = copy_of(list.raw);
    player->now->cc_n = list.raw.n;
}

static void put_bytes(struct player *player, struct ipc_out *out, const char *name, size_t max) {
    struct span value = draw_bytes(player, name, max);
    note_bytes(player, name, value);
    ipc_put_bytes(out, value, max);
}

static void put_fixed(struct player *player, struct ipc_out *out, const char *name, size_t n) {
    struct span value = draw_fixed(player, name, n);
    note_bytes(player, name, value);
    ipc_put_fixed(out, value, n);
}

static void put_list(struct player *player, struct ipc_out *out, const char *name, size_t max_count, size_t max_each) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new((size_t)256 * 1024);
    struct ipc_list list = draw_list(player, name, max_count, max_each, &raw);
    note_list(player, name, list);
    ipc_put_list(out, list, max_count, max_each);
}

static void put_payload(struct player *player, struct ipc_out *out, size_t max) {
    struct span value = draw_payload(player, max);
    note_message(player, value);
    ipc_put_payload(out, value, max);
}

#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir) static void put_##op##_##dir(SD_UNUSED struct player *player, SD_UNUSED struct ipc_out *out) {
#define U8(name) buf_u8(&out->body, (uint8_t)draw_number(player, #name, 8));
#define U16(name) buf_u16(&out->body, (uint16_t)draw_number(player, #name, 16));
#define U32(name) buf_u32(&out->body, (uint32_t)draw_number(player, #name, 32));
#define U64(name) buf_u64(&out->body, draw_number(player, #name, 64));
#define I64(name) buf_u64(&out->body, draw_number(player, #name, 64));
#define BOOL(name) buf_u8(&out->body, (uint8_t)dice_below(&player->dice, 2));
#define FIXED(name, n) put_fixed(player, out, #name, n);
#define BYTES(name, max) put_bytes(player, out, #name, max);
#define TEXT(name, max) ipc_put_text(out, draw_text(player, #name, max), max);
#define LIST(name, max_count, max_each) put_list(player, out, #name, max_count, max_each);
#define PAYLOAD(name, max) put_payload(player, out, max);
#define END(service, op, dir) }
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */

static void take_value(struct player *player, struct span value) {
    pool_add(value.n == 16 ? &player->ids : value.n == 32 ? &player->secrets : &player->words, value);
    if (value.n == 32) /* an id in hexadecimal: a person's */
        pool_add(&player->words, span_is_utf8(value) ? value : SPAN_NONE);
}

static void take_list(struct player *player, struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    for (unsigned i = 0; i < 8 && ipc_list_next(&iter, &item); i++)
        take_value(player, item);
}

#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir) static void take_##op##_##dir(SD_UNUSED struct player *player, SD_UNUSED struct reader *r) {
#define U8(name) (void)read_u8(r);
#define U16(name) (void)read_u16(r);
#define U32(name) (void)read_u32(r);
#define U64(name) (void)read_u64(r);
#define I64(name) (void)read_u64(r);
#define BOOL(name) (void)ipc_get_bool(r);
#define FIXED(name, n) take_value(player, read_bytes(r, n));
#define BYTES(name, max) take_value(player, read_blob(r, max));
#define TEXT(name, max) take_value(player, ipc_get_text(r, max));
#define LIST(name, max_count, max_each) take_list(player, ipc_get_list(r, max_count, max_each));
#define PAYLOAD(name, max)
#define END(service, op, dir) }
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */

struct table_op {
    uint16_t number;
    const char *name;
    uint32_t peers;
    void (*put_req)(struct player *player, struct ipc_out *out);
    void (*put_rep)(struct player *player, struct ipc_out *out);
    void (*take_req)(struct player *player, struct reader *r);
    void (*take_rep)(struct player *player, struct reader *r);
};
#define OP(service, op, number, peers, states, once, fd)                                                                       \
    {number, #op, peers, put_##op##_req, put_##op##_rep, take_##op##_req, take_##op##_rep},
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
static const struct table_op table[] = {
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
    /* clang-format on */
};

static const struct table_op *op_of(uint16_t number) {
    for (size_t i = 0; i < SD_COUNT(table); i++)
        if (table[i].number == number)
            return &table[i];
    return NULL;
}

const char *play_name(uint16_t number) {
    const struct table_op *op = op_of(number);
    return op ? op->name : "none";
}

/* ---- asking ---- */

static struct asked *new_question(struct player *player, uint16_t op) {
    MUST(player->asked_count < ASKED_MAX);
    struct asked *asked = &player->asked[player->asked_count++];
    *asked = (struct asked){.op = op, .token = -1, .warrant = -1, .ticket = -1};
    return asked;
}

static const struct table_op *choose(struct player *player) {
    const struct table_op *op;
    bool ends; /* its own session: seldom, or there would be nothing to see afterwards */
    do {
        op = &table[dice_below(&player->dice, SD_COUNT(table))];
        ends = op->number == OP_sign_out || op->number == OP_session_end;
    } while (!(op->peers & player->peer) || (ends && !dice_one_in(&player->dice, 300)));
    return op;
}

static enum sd_err reconnect(struct player *player, int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    return process_channel(&player->w->p, player->peer, fd);
}

static bool take_answer(struct player *player, struct ipc_msg *msg) {
    if (!msg->is_reply || msg->id == 0 || msg->id > player->asked_count)
        return false; /* the keeper asks its peers nothing */
    struct asked *asked = &player->asked[msg->id - 1];
    if (asked->answered || asked->op != msg->op)
        return false;
    asked->answered = true;
    player->heard++;
    check_heard(player->w, asked, msg);
    const struct table_op *op = op_of(msg->op);
    if (msg->status == SD_OK && op) {
        struct reader r = reader_of(msg->body);
        op->take_rep(player, &r);
        MUST(reader_end(&r) == SD_OK);
    }
    free(asked->message);
    free(asked->cc);
    asked->message = asked->cc = NULL;
    return true;
}

/* What is there now, or comes until the deadline. False: the channel is closed. */
static bool hear(struct player *player, int fd, struct deadline deadline) {
    for (;;) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        enum sd_err err = ipc_recv(fd, deadline, &msg);
        if (err == SD_ERR_TIMEOUT)
            return true;
        if (err)
            return false;
        MUST(take_answer(player, msg));
    }
}

static enum sd_err say(struct player *player, const struct table_op *op) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    buf_reset(&player->scratch);
    player->now = new_question(player, op->number);
    op->put_req(player, &out);
    signed_asked(player->w, player->now);
    player->now = NULL;
    if (ipc_out_err(&out)) /* too long all together: not said */
        return SD_OK;
    struct ipc_msg head = {.id = player->asked_count, .op = op->number};
    enum sd_err err = SD_ERR_TIMEOUT;
    for (unsigned i = 0; err == SD_ERR_TIMEOUT && i < 2000; i++) {
        err = ipc_send(player->fd, &head, &out, deadline_in_ms(5));
        if (err == SD_ERR_TIMEOUT && !hear(player, player->fd, (struct deadline){0}))
            err = SD_ERR_CLOSED;
    }
    player->sent += err == SD_OK;
    player->asked[player->asked_count - 1].sent = err == SD_OK;
    return err;
}

/* ---- what no proper peer sends ---- */

#define HEAD_BYTES 16
struct wild {
    uint8_t bytes[HEAD_BYTES + 80 * 1024];
    size_t n;
    int fds[2];
    size_t fd_count;
};

static void put32(uint8_t *to, uint32_t value) {
    for (size_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void put_head(struct wild *wild, uint32_t id, uint16_t op, uint16_t kind, int32_t status, uint32_t n) {
    put32(wild->bytes, id);
    put32(wild->bytes + 4, (uint32_t)op | (uint32_t)kind << 16);
    put32(wild->bytes + 8, (uint32_t)status);
    put32(wild->bytes + 12, n);
}

static void send_wild(const struct wild *wild, int fd) {
    struct iovec part = {(void *)(uintptr_t)wild->bytes, wild->n};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (wild->fd_count) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(wild->fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(wild->fd_count * sizeof(int))};
        memcpy(CMSG_DATA(c), wild->fds, wild->fd_count * sizeof(int));
    }
    for (unsigned i = 0; i < 1000 && sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0; i++) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, 5) > 0 && (p.revents & (POLLHUP | POLLERR)))
            return;
    }
}

/* Descriptors that are no sealed memfd of the size that is claimed. */
static int odd_descriptor(struct dice *dice) {
    int fds[2] = {-1, -1}, fd;
    switch (dice_below(dice, 5)) {
    case 0:
        MUST(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
        (void)close(fds[1]);
        return fds[0];
    case 1:
        return open("/dev/zero", O_RDONLY | O_CLOEXEC);
    case 2:
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 3:
        fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        MUST(fd >= 0 && ftruncate(fd, 100000) == 0);
        return fd;
    default:
        MUST(sealed_memfd(SPAN("From: support@example.test\r\n\r\n"), &fd) == SD_OK);
        return fd;
    }
}

#define WILD_LIST(X)                                                                                                           \
    X(FLIPPED)                                                                                                                 \
    X(CUT)                                                                                                                     \
    X(TRAILING)                                                                                                                \
    X(OTHER_BODY) X(ANY_OP) X(REPLY) X(KIND) X(STATUS) X(LENGTH) X(HUGE_ONE) X(EMPTY) X(FD) X(FDS) X(PAYLOAD_FD) X(NOISE)
enum wildness {
#define X(name) WILD_##name,
    WILD_LIST(X)
#undef X
        WILD_COUNT
};

/* Changes to a body that was proper. */
static void spoil_body(struct player *player, struct wild *wild, enum wildness how) {
    struct dice *dice = &player->dice;
    uint8_t *body = wild->bytes + HEAD_BYTES;
    size_t n = wild->n - HEAD_BYTES;
    if (how == WILD_FLIPPED)
        for (unsigned i = dice_below(dice, 4) + 1; n && i > 0; i--)
            body[dice_below(dice, (uint32_t)n)] ^= (uint8_t)(1u << dice_below(dice, 8));
    else if (how == WILD_CUT)
        n = n ? dice_below(dice, (uint32_t)n) : 0;
    else if (how == WILD_TRAILING)
        dice_bytes(dice, body + n, 3), n += 3;
    else if (how == WILD_NOISE)
        dice_bytes(dice, body, n);
    else if (how == WILD_HUGE_ONE)
        memset(body + n, 'x', sizeof wild->bytes - HEAD_BYTES - n), n = sizeof wild->bytes - HEAD_BYTES;
    else if (how == WILD_PAYLOAD_FD && n < 70000) { /* a payload that lies in a descriptor, as its field says it */
        body[n] = 1;
        memset(body + n + 1, 0, 8);
        put32(body + n + 1, (uint32_t)(dice_one_in(dice, 2) ? 100000 : 30));
        n += 9;
    }
    wild->n = HEAD_BYTES + n;
}

static void spoil_head(struct player *player, struct wild *wild, uint16_t op, enum wildness how) {
    struct dice *dice = &player->dice;
    uint32_t n = (uint32_t)(wild->n - HEAD_BYTES);
    uint16_t kind = how == WILD_REPLY ? 1 : how == WILD_KIND ? (uint16_t)(2 + dice_below(dice, 60000)) : 0;
    int32_t status = how == WILD_STATUS ? -(int32_t)dice_below(dice, 40) - 1 : 0;
    if (how == WILD_ANY_OP)
        op = (uint16_t)(dice_one_in(dice, 2) ? dice_below(dice, 160) : dice_below(dice, 65536));
    if (how == WILD_LENGTH)
        n = dice_one_in(dice, 2) ? n + 1 + dice_below(dice, 1000) : UINT32_MAX;
    if (how == WILD_ANY_OP)
        player->asked[player->asked_count - 1].op = op;
    put_head(wild, player->asked_count, op, kind, status, n);
    if (how == WILD_EMPTY)
        wild->n = dice_below(dice, HEAD_BYTES);
}

static void be_wild(struct player *player) {
    static struct wild wild;
    const struct table_op *op = dice_one_in(&player->dice, 4) ? &table[dice_below(&player->dice, SD_COUNT(table))]
                                                              : choose(player);
    enum wildness how = (enum wildness)dice_below(&player->dice, WILD_COUNT);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    buf_reset(&player->scratch);
    player->now = new_question(player, op->number);
    (how == WILD_OTHER_BODY ? op->put_rep : op->put_req)(player, &out);
    signed_asked(player->w, player->now);
    player->now = NULL;
    if (ipc_out_err(&out) || out.body.n > sizeof wild.bytes - HEAD_BYTES - 16)
        return;
    if (out.body.n)
        memcpy(wild.bytes + HEAD_BYTES, out.body.p, out.body.n);
    wild.n = HEAD_BYTES + out.body.n;
    wild.fd_count = how == WILD_FD || how == WILD_PAYLOAD_FD ? 1 : how == WILD_FDS ? 2 : 0;
    for (size_t i = 0; i < wild.fd_count; i++)
        wild.fds[i] = odd_descriptor(&player->dice);
    spoil_body(player, &wild, how);
    spoil_head(player, &wild, op->number, how);
    send_wild(&wild, player->wild_fd);
    player->wild++;
    for (size_t i = 0; i < wild.fd_count; i++)
        (void)close(wild.fds[i]);
}

/* ---- playing ---- */

void player_start(struct player *player, struct world *w, uint32_t peer, unsigned tokens, uint64_t seed) {
    *player = (struct player){
        .w = w, .dice = {seed}, .peer = peer, .tokens = tokens, .fd = -1, .wild_fd = -1, .scratch = buf_new(SIZE_MAX / 4)};
    player->asked = calloc(ASKED_MAX, sizeof *player->asked);
    MUST(player->asked != NULL);
    MUST(reconnect(player, &player->fd) == SD_OK && reconnect(player, &player->wild_fd) == SD_OK);
    for (size_t i = 0; i < w->object_count && i < KNOWN_MAX * 3 / 4; i++) { /* the store shows ids */
        size_t at = w->object_count > KNOWN_MAX / 2 && i % 2 ? dice_below(&player->dice, (uint32_t)w->object_count) : i;
        pool_add(&player->ids, span_of(w->objects[at].mail.id, 16));
    }
    for (size_t i = 0; i < PEOPLE; i++)
        pool_add(&player->ids, span_of(w->people[i], 16));
}

static uint32_t waiting(const struct player *player) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < player->asked_count; i++)
        n += player->asked[i].sent && !player->asked[i].answered;
    return n;
}

void player_finish(struct player *player) {
    struct deadline end = deadline_in_ms(60000);
    while (waiting(player) > 0) {
        MUST(!deadline_passed(end));
        MUST(hear(player, player->fd, deadline_in_ms(20)));
    }
    (void)hear(player, player->wild_fd, deadline_in_ms(50));
}

#define BURST 24
#define FLOOD 400 /* questions at once, of which no answer is read meanwhile: less than what drops a peer */

/* Hears what is still to come and begins anew on fresh channels, so that one may play for hours. */
static void begin_anew(struct player *player) {
    player_finish(player);
    MUST(reconnect(player, &player->fd) == SD_OK && reconnect(player, &player->wild_fd) == SD_OK);
    for (uint32_t i = 0; i < player->asked_count; i++) {
        free(player->asked[i].message);
        free(player->asked[i].cc);
    }
    player->asked_count = 0;
}

void player_play(struct player *player) {
    if (player->asked_count > ASKED_MAX / 2)
        begin_anew(player);
    unsigned count = dice_one_in(&player->dice, 12) ? FLOOD : BURST;
    for (unsigned i = 0; i < count; i++) {
        if (dice_one_in(&player->dice, 8)) {
            be_wild(player);
            continue;
        }
        MUST(say(player, choose(player)) == SD_OK); /* nobody is dropped for asking */
    }
    MUST(hear(player, player->fd, (struct deadline){0}));
    if (!hear(player, player->wild_fd, (struct deadline){0})) {
        player->dropped++;
        MUST(reconnect(player, &player->wild_fd) == SD_OK);
    }
}

void player_free(struct player *player) {
    for (uint32_t i = 0; i < player->asked_count; i++) {
        free(player->asked[i].message);
        free(player->asked[i].cc);
    }
    free(player->asked);
    buf_free(&player->scratch);
    if (player->fd >= 0)
        (void)close(player->fd);
    if (player->wild_fd >= 0)
        (void)close(player->wild_fd);
}

/* Asks without end and never listens: until it is dropped. */
void player_deaf(struct player *player) {
    int fd = -1;
    uint32_t before = player->asked_count;
    MUST(reconnect(player, &fd) == SD_OK);
    int own = player->fd;
    player->fd = fd;
    for (unsigned i = 0; i < 6000; i++) {
        struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
        const struct table_op *op = choose(player);
        buf_reset(&player->scratch);
        player->now = new_question(player, op->number);
        op->put_req(player, &out);
        signed_asked(player->w, player->now);
        player->now = NULL;
        struct ipc_msg head = {.id = player->asked_count, .op = op->number};
        if (ipc_out_err(&out) == SD_OK && ipc_send(fd, &head, &out, deadline_in_ms(1000)) != SD_OK)
            break;
    }
    player->fd = own;
    player->lost += player->asked_count - before;
    (void)close(fd);
}
