/*
 * ipc.h - messages between processes over SOCK_SEQPACKET pairs that the supervisor makes: which descriptor is which peer.
 *
 * A service is a table: <service>.def lists its operations and their fields, once. <service>.h declares what gen_types.h makes
 * of it: a struct, an encoder, a decoder and a dump per message, a call per operation for clients, a reply per operation for
 * the server. The server's dispatch.c includes gen_dispatch.h, which checks peer, state and body before a handler sees
 * anything.
 *
 * A message is a 16-byte header (little endian: u32 id, u16 operation, u16 kind, i32 status, u32 body bytes) and a body of
 * at most LIMIT_IPC_INLINE_BYTES. One PAYLOAD field may be larger: it then travels as a sealed memfd that the receiver maps.
 * Unknown operation, wrong peer, wrong state, a body that does not decode to its end: the peer is dropped, the service goes on.
 */
#ifndef SD_CORE_IPC_IPC_H
#define SD_CORE_IPC_IPC_H

#include "core/buf.h"
#include "core/clock.h"
#include "core/limits.h"

/* Who may sit at the other end; bits, because an operation names the peers that may ask it. */
enum ipc_peer {
    PEER_SUPERVISOR = 1 << 0,
    PEER_EDGE = 1 << 1,
    PEER_DNS = 1 << 2,
    PEER_INSPECT = 1 << 3,
    PEER_KEEPER = 1 << 4,
    PEER_CLERK = 1 << 5,
    PEER_COURIER = 1 << 6,
    PEER_DESK = 1 << 7,
    PEER_ADMIN = 1 << 8, /* the command line, root only */
    PEER_RENDER = 1 << 9,
};

/* ---- messages ---- */

struct ipc_msg {
    uint32_t id;
    uint16_t op;
    bool is_reply;
    enum sd_err status; /* replies */
    struct span body;   /* inside this message */
    int fd;             /* descriptor that came along, or -1; closed by ipc_msg_free unless taken with ipc_msg_take_fd */
    struct span mapped; /* a large payload, unmapped by ipc_msg_free */
};
void ipc_msg_free(struct ipc_msg **msg);
int ipc_msg_take_fd(struct ipc_msg *msg);
/* After decoding: a mapped payload needs its descriptor no more; one that nobody asked for is SD_ERR_PROTOCOL. */
enum sd_err ipc_msg_settle_fd(struct ipc_msg *msg, bool expected) SD_MUST_CHECK;

/* A body being written. */
struct ipc_out {
    struct buf body;
    int fd; /* sent along; -1 for none */
    bool owns_fd;
};
struct ipc_out ipc_out_new(void);
/* For a card, which is stored and not sent: everything inline, at most max bytes. */
struct ipc_out ipc_card_new(size_t max);
void ipc_out_free(struct ipc_out *out);
enum sd_err ipc_out_err(const struct ipc_out *out) SD_MUST_CHECK;

/* A pair of connected descriptors, close-on-exec, with buffers for many small messages. */
enum sd_err ipc_pair(int ret_fds[2]) SD_MUST_CHECK;
enum sd_err ipc_send(int fd, const struct ipc_msg *head, const struct ipc_out *out, struct deadline deadline) SD_MUST_CHECK;
/* SD_ERR_CLOSED at the peer's end, SD_ERR_TIMEOUT, SD_ERR_PROTOCOL for a malformed header. */
enum sd_err ipc_recv(int fd, struct deadline deadline, struct ipc_msg **ret) SD_MUST_CHECK;

/* ---- field encoders used by the generated code; max is enforced on both sides ---- */

/* A list of byte strings: u32 count, then blobs. */
struct ipc_list {
    struct span raw;
    uint32_t count;
};
struct ipc_list_iter {
    struct reader r;
    uint32_t left;
};
struct ipc_list_iter ipc_list_start(struct ipc_list list);
bool ipc_list_next(struct ipc_list_iter *iter, struct span *ret);
/* Appends one item to a list that is being built in raw; list->raw is set to the buffer's content. */
void ipc_list_add(struct ipc_list *list, struct buf *raw, struct span item);

void ipc_put_bytes(struct ipc_out *out, struct span s, size_t max);
void ipc_put_fixed(struct ipc_out *out, struct span s, size_t n);
void ipc_put_text(struct ipc_out *out, struct span s, size_t max);
void ipc_put_list(struct ipc_out *out, struct ipc_list list, size_t max_count, size_t max_each);
void ipc_put_payload(struct ipc_out *out, struct span s, size_t max);

struct span ipc_get_text(struct reader *r, size_t max);
bool ipc_get_bool(struct reader *r);
struct ipc_list ipc_get_list(struct reader *r, size_t max_count, size_t max_each);
/* msg NULL (a card, not a message): only inline payloads. */
struct span ipc_get_payload(struct reader *r, struct ipc_msg *msg, size_t max);

/* ---- client ---- */

struct ipc_client; /* thread-safe; one channel, many calls in flight */
struct ipc_ticket; /* one call in flight */

struct ipc_client *ipc_client_new(const char *service);
void ipc_client_free(struct ipc_client **client); /* nobody may be using it; processes keep theirs for life */
/* A new channel (after the service restarted); calls on the old one fail with SD_ERR_UNAVAILABLE. fd -1 detaches. */
void ipc_client_attach(struct ipc_client *client, int fd);
bool ipc_client_broken(struct ipc_client *client); /* no channel, or its peer is gone */
/* For poll(2), by whoever alone uses the client and attaches to it; -1 when there is no channel. */
int ipc_client_fd(struct ipc_client *client);
/* Sends; waits for a channel for at most IPC_ATTACH_MS when there is none. */
#define IPC_ATTACH_MS 3000
enum sd_err ipc_start(struct ipc_client *client, uint16_t op, const struct ipc_out *out, struct deadline deadline,
                      struct ipc_ticket **ret) SD_MUST_CHECK;
/* Consumes the ticket whatever comes. SD_OK: the reply's own status is SD_OK; else the status or the failure. */
enum sd_err ipc_wait(struct ipc_client *client, struct ipc_ticket **ticket, struct deadline deadline,
                     struct ipc_msg **ret) SD_MUST_CHECK;
/* True once ipc_wait would not wait: takes what has come, and waits for nothing. */
bool ipc_answered(struct ipc_client *client, struct ipc_ticket *ticket);

/* ---- server ---- */

struct ipc_conn; /* one peer; counted, so that answers can come after the peer is gone */
struct ipc_conn *ipc_conn_new(int fd, uint32_t peer, uint16_t instance);
struct ipc_conn *ipc_conn_ref(struct ipc_conn *conn);
void ipc_conn_unref(struct ipc_conn **conn);
int ipc_conn_fd(const struct ipc_conn *conn);
uint32_t ipc_conn_peer(const struct ipc_conn *conn);
uint16_t ipc_conn_instance(const struct ipc_conn *conn);
/* For PEER_ADMIN: the uid that the kernel named when it connected. */
void ipc_conn_set_uid(struct ipc_conn *conn, uint32_t uid);
uint32_t ipc_conn_uid(const struct ipc_conn *conn);

/*
 * For a service whose one thread answers all: an answer that the peer does not take at once is kept, at most max_bytes of them,
 * until ipc_conn_flush() can send it, so that a peer that does not read delays nobody. Above that, and when a send fails, the
 * connection is broken, which ipc_conn_flush() tells. Before the first call. (An answer with a descriptor waits all the same.)
 */
void ipc_conn_keep_answers(struct ipc_conn *conn, size_t max_bytes);
bool ipc_conn_has_answers(struct ipc_conn *conn);                /* then poll for POLLOUT */
enum sd_err ipc_conn_flush(struct ipc_conn *conn) SD_MUST_CHECK; /* SD_ERR_CLOSED: drop the peer */

/* A request to be answered exactly once, by a generated <service>_<op>_reply() or ipc_refuse(); both free it. Any thread. */
struct ipc_call {
    struct ipc_conn *conn;
    struct ipc_msg *msg;
};
void ipc_refuse(struct ipc_call *call, enum sd_err status);
void ipc_answer(struct ipc_call *call, const struct ipc_out *out);

struct ipc_op {
    uint16_t number;
    const char *name;
    uint32_t peers;
    uint32_t states;
    bool once; /* per connection: a second one is a protocol error */
    bool fd;   /* must carry a descriptor */
    /* Decodes and calls the handler. SD_ERR_PROTOCOL, _PARSE or _LIMIT here means a body that is not ours: the peer is dropped.
     */
    enum sd_err (*route)(void *ctx, struct ipc_call *call);
};

/*
 * Takes one message off the connection and routes it. state: the service's present state bit.
 * SD_OK: handled (a refusal included). SD_ERR_TIMEOUT: nothing there. Anything else: drop the peer (close it, tell the log).
 */
enum sd_err ipc_serve_one(struct ipc_conn *conn, const struct ipc_op *ops, size_t op_count, uint32_t state, void *ctx,
                          struct deadline deadline) SD_MUST_CHECK;

/* The same for a service that is in a state in which little is legal, and whose peers are to live through it: what this peer
 * may ask in another state is answered with `status`. */
enum sd_err ipc_serve_one_or(struct ipc_conn *conn, const struct ipc_op *ops, size_t op_count, uint32_t state, void *ctx,
                             enum sd_err status, struct deadline deadline) SD_MUST_CHECK;

/* ---- payloads without a message ---- */

/* A memfd with these bytes, sealed against every change; and the mapping of one, after its seals were checked. */
enum sd_err sealed_memfd(struct span bytes, int *ret_fd) SD_MUST_CHECK;
enum sd_err map_sealed(int fd, size_t n, struct span *ret) SD_MUST_CHECK;

#endif
