#include "core/peers.h"

static enum sd_err serve(const struct peers *peers, struct ipc_conn *conn) {
    int64_t threads = peers->threads(conn);
    enum sd_err err = SD_OK;
    for (int64_t i = 0; i < threads && err == SD_OK; i++) {
        unsigned long thread;
        struct ipc_conn *ref = ipc_conn_ref(conn);
        err = role_thread_sized(peers->name, peers->stack_bytes, peers->serve, ref, &thread);
        if (err)
            ipc_conn_unref(&ref);
    }
    ipc_conn_unref(&conn);
    return err;
}

enum sd_err peers_add(struct peers *peers, uint32_t peer, uint16_t instance, int fd) {
    struct ipc_conn *conn = ipc_conn_new(fd, peer, instance);
    if (!conn)
        return SD_ERR_NOMEM;
    if (peers->started)
        return serve(peers, conn);
    if (peers->early_count == PEERS_EARLY_MAX) {
        ipc_conn_unref(&conn);
        return SD_ERR_LIMIT;
    }
    peers->early[peers->early_count++] = conn;
    return SD_OK;
}

enum sd_err peers_start(struct peers *peers) {
    enum sd_err err = SD_OK;
    peers->started = true;
    for (size_t i = 0; i < peers->early_count && err == SD_OK; i++)
        err = serve(peers, peers->early[i]);
    return err;
}
