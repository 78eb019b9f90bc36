/* adversary_inspector.c - inspect0, whom the keeper asks about a message that is to leave: honest, or taken over. */
#include "core/ipc/inspect.h"
#include "keeper/adversary.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct inspector {
    struct world *w;
    bool honest;
    struct dice dice;
    atomic_bool over;
    pthread_t thread;
};

/* ---- what is so: From and the addresses of To and Cc, of messages without folds ---- */

struct found {
    struct span from;
    struct ipc_list recipients;
    struct buf raw;
};

static struct span bare(struct span mailbox) {
    mailbox = span_trim(mailbox);
    size_t open = span_rfind(mailbox, '<');
    return open < mailbox.n ? span_sub(mailbox, open + 1, mailbox.n - open - 2) : mailbox;
}

static void see_line(struct found *found, struct span line) {
    struct span part;
    if (span_istarts(line, SPAN("From:")))
        found->from = bare(span_from(line, 5));
    if (!span_istarts(line, SPAN("To:")) && !span_istarts(line, SPAN("Cc:")))
        return;
    struct span_split split = span_split_start(span_from(line, 3));
    while (span_split_next(&split, ',', &part))
        ipc_list_add(&found->recipients, &found->raw, bare(part));
}

static void examine(struct span message, struct found *found) {
    struct span line;
    struct span_split lines = span_split_start(message);
    while (span_split_next(&lines, '\n', &line) && span_trim(line).n)
        see_line(found, span_trim(line));
}

static void put_answer(const struct found *found, uint64_t ambiguities, struct ipc_out *out) {
    static const uint8_t hash[32] = {5};
    struct inspect_examine_rep rep = {.from_address = found->from,
                                      .recipients = found->recipients,
                                      .message_id_hash = span_of(hash, 32),
                                      .ambiguities = ambiguities};
    if (inspect_examine_rep_encode(out, &rep) != SD_OK)
        buf_reset(&out->body); /* an address that is none: no answer that decodes */
}

/* ---- lies ---- */

static void send_reply(int fd, const struct ipc_msg *asked, const struct ipc_out *out) {
    struct ipc_msg head = {.id = asked->id, .op = asked->op, .is_reply = true};
    (void)!ipc_send(fd, &head, out, deadline_in_ms(200));
}

/* "It is from you, and to nobody but the customer", whatever it is. */
static void put_lie(struct ipc_out *out, bool stranger) {
    struct found found SD_UNUSED = {.from = SPAN("support@example.test"), .raw = buf_new(4096)};
    ipc_list_add(&found.recipients, &found.raw, stranger ? SPAN(EVE) : SPAN("anna@customer.example"));
    put_answer(&found, 0, out);
    buf_free(&found.raw);
}

static void lie(struct inspector *self, int fd, struct ipc_msg *msg) {
    struct dice *dice = &self->dice;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct timespec late = {.tv_nsec = 300 * 1000000L};
    unsigned how = dice_below(dice, 10);
    put_lie(&out, how == 1);
    if (how == 2) { /* noise */
        buf_reset(&out.body);
        uint8_t noise[300];
        dice_bytes(dice, noise, sizeof noise);
        buf_put(&out.body, span_of(noise, sizeof noise));
    } else if (how == 3) { /* huge */
        buf_reset(&out.body);
        buf_fill(&out.body, 'x', LIMIT_IPC_INLINE_BYTES);
    } else if (how == 4) {
        (void)nanosleep(&late, NULL);
    } else if (how == 5) { /* to a question that nobody asked, and before it is asked */
        msg->id += 1;
        send_reply(fd, msg, &out);
        msg->id -= 1;
    } else if (how == 6) { /* twice, the second time otherwise */
        send_reply(fd, msg, &out);
        buf_reset(&out.body);
        put_lie(&out, true);
    } else if (how == 7) { /* a descriptor that nobody wants */
        MUST(sealed_memfd(SPAN("x"), &out.fd) == SD_OK);
        out.owns_fd = true;
    } else if (how == 8) { /* asks back */
        struct ipc_msg head = {.id = 1, .op = 1};
        (void)!ipc_send(fd, &head, &out, deadline_in_ms(200));
        return;
    } else if (how == 9) { /* a flood of answers */
        for (unsigned i = 0; i < 200; i++)
            send_reply(fd, msg, &out);
    }
    send_reply(fd, msg, &out);
}

static void be_honest(int fd, struct ipc_msg *msg) {
    struct inspect_examine_req req;
    struct found found = {.raw = buf_new((size_t)64 * 1024)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    if (inspect_examine_req_decode(msg->body, msg, &req) == SD_OK) {
        examine(req.message, &found);
        put_answer(&found, 0, &out);
    }
    send_reply(fd, msg, &out);
    buf_free(&found.raw);
}

/* As the supervisor does when the keeper says that it lost the channel; a keeper that was killed takes none. */
static void link_again(struct inspector *self) {
    struct timespec pause = {.tv_nsec = 20 * 1000000L};
    if (process_link_inspector(&self->w->p) != SD_OK)
        (void)nanosleep(&pause, NULL);
}

static void *run(void *arg) {
    struct inspector *self = arg;
    while (!atomic_load(&self->over)) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        enum sd_err err = ipc_recv(self->w->p.inspector, deadline_in_ms(20), &msg);
        if (err == SD_ERR_CLOSED || err == SD_ERR_IO) /* or there is none */
            link_again(self);
        if (err)
            continue;
        if (self->honest)
            be_honest(self->w->p.inspector, msg);
        else
            lie(self, self->w->p.inspector, msg);
    }
    return NULL;
}

struct inspector *inspector_start(struct world *w, bool honest, uint64_t seed) {
    struct inspector *self = calloc(1, sizeof *self);
    MUST(self != NULL);
    self->w = w;
    self->honest = honest;
    self->dice = (struct dice){seed};
    MUST(pthread_create(&self->thread, NULL, run, self) == 0);
    return self;
}

void inspector_stop(struct inspector **inspector) {
    atomic_store(&(*inspector)->over, true);
    MUST(pthread_join((*inspector)->thread, NULL) == 0);
    free(*inspector);
    *inspector = NULL;
}
