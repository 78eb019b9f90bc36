#include "edge/data.h"

#define FIRST_BYTES ((uint64_t)16 * 1024)      /* an ordinary letter */
#define TRUSTED_HINT_BYTES ((uint64_t)1 << 20) /* SIZE= reserves no more than this before the bytes come */

struct data {
    struct transaction *t;
    struct limits *limits;
    uint64_t session;
    enum data_fault fault;
    bool mid_line;  /* the next piece continues a line */
    bool lone_dot;  /* the line so far is "." */
    bool in_header; /* no empty line yet */
    uint64_t line_bytes;
    uint64_t header_bytes;
    unsigned hops;
    uint64_t read_bytes;
};

/* The first fault is what the sender hears; the bytes are of no use any more. */
static void fault(struct data *d, enum data_fault f, enum edge_limit limit) {
    if (d->fault)
        return;
    d->fault = f;
    if (limit < EDGE_LIMIT_COUNT)
        limit_hit(d->limits, limit, d->session);
    transaction_drop_body(d->t);
}

/* Makes room, by doubling, and charges it; the buffer never holds more than was charged. */
static void make_room(struct data *d, uint64_t more) {
    struct transaction *t = d->t;
    uint64_t max = (uint64_t)d->limits->value[EDGE_MESSAGE];
    uint64_t need = t->body.n + more;
    if (need > max) {
        fault(d, DATA_TOO_LARGE, EDGE_MESSAGE);
        return;
    }
    uint64_t room = t->charged;
    if (room == 0)
        room = t->declared_bytes < TRUSTED_HINT_BYTES ? FIRST_BYTES : TRUSTED_HINT_BYTES;
    while (room < need || (t->charged == 0 && room < t->declared_bytes && room < TRUSTED_HINT_BYTES))
        room *= 2;
    if (room == t->charged)
        return;
    if (!budget_take(t->budget, room - t->charged)) {
        fault(d, DATA_NO_ROOM, EDGE_DATA_TOTAL);
        return;
    }
    t->charged = room;
    uint64_t reserve = room < LIMIT_MESSAGE_BYTES ? room : LIMIT_MESSAGE_BYTES;
    if (!buf_reserve(&t->body, (size_t)reserve - t->body.n))
        fault(d, DATA_NO_ROOM, EDGE_LIMIT_COUNT);
}

static void keep(struct data *d, struct span bytes, bool ends) {
    if (d->fault == DATA_FINE)
        make_room(d, bytes.n + 2);
    if (d->fault)
        return;
    buf_put(&d->t->body, bytes);
    if (ends)
        buf_put(&d->t->body, SPAN("\r\n"));
    if (buf_err(&d->t->body))
        fault(d, DATA_NO_ROOM, EDGE_LIMIT_COUNT);
}

/* The header's size, its end, and its Received fields. */
static void watch_header(struct data *d, struct span bytes, bool starts, bool ends) {
    d->line_bytes = starts ? bytes.n : d->line_bytes + bytes.n;
    d->header_bytes += bytes.n + (ends ? 2 : 0);
    if (starts && span_istarts(bytes, SPAN("received:")) && ++d->hops > (unsigned)d->limits->value[EDGE_HOPS])
        fault(d, DATA_LOOPS, EDGE_HOPS);
    if (d->header_bytes > (uint64_t)d->limits->value[EDGE_HEADER])
        fault(d, DATA_HEADER_TOO_LARGE, EDGE_HEADER);
    if (ends && d->line_bytes == 0)
        d->in_header = false;
}

/* True at the end of the data. */
static bool take(struct data *d, struct line_piece piece) {
    bool starts = !d->mid_line;
    struct span bytes = piece.bytes;
    if (piece.bare)
        fault(d, DATA_BARE_LINE_END, EDGE_LIMIT_COUNT);
    if (d->lone_dot && piece.ends && bytes.n == 0)
        return true;
    bool dotted = starts && bytes.n && bytes.p[0] == '.';
    if (dotted && bytes.n == 1 && piece.ends)
        return true;
    if (dotted) /* RFC 5321 §4.5.2: the first dot of a line is the sender's addition */
        bytes = span_from(bytes, 1);
    d->lone_dot = dotted && bytes.n == 0 && !piece.ends;
    if (d->in_header)
        watch_header(d, bytes, starts, piece.ends);
    keep(d, bytes, piece.ends);
    d->mid_line = !piece.ends;
    return false;
}

/* Until when the next bytes must come: silence, and the minimum rate counted from the start. */
static struct deadline next_by(const struct data *d, struct deadline start, struct deadline until) {
    int64_t rate = d->limits->value[EDGE_RATE];
    int64_t earned_ns = (int64_t)(d->read_bytes / (uint64_t)rate) * 1000000000;
    struct deadline slow = {start.at_ns + RATE_GRACE_S * INT64_C(1000000000) + earned_ns};
    struct deadline silent = deadline_in_ms(d->limits->value[EDGE_IDLE_S] * 1000);
    return deadline_sooner(until, deadline_sooner(slow, silent));
}

enum sd_err data_read(struct line_reader *in, struct transaction *t, struct limits *limits, uint64_t session,
                      struct deadline until, enum data_fault *ret_fault) {
    struct data d = {.t = t, .limits = limits, .session = session, .in_header = true};
    struct deadline start = deadline_in_ms(0);
    for (;;) {
        struct line_piece piece;
        struct deadline by = line_buffered(in) > 1 ? until : next_by(&d, start, until);
        enum sd_err err = line_piece(in, by, &piece);
        if (err == SD_OK && d.read_bytes > (uint64_t)limits->value[EDGE_DISCARD]) {
            limit_hit(limits, EDGE_DISCARD, session);
            err = SD_ERR_LIMIT;
        }
        if (err)
            return err;
        d.read_bytes += piece.bytes.n + (piece.ends ? 2 : 0);
        if (take(&d, piece))
            break;
    }
    *ret_fault = d.fault;
    return SD_OK;
}
