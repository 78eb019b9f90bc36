/*
 * role.h - the frame of every process: takes its orders from the supervisor over descriptor 3 (core/ipc/control.def), confines
 * itself, and runs. The main thread serves the control channel; the role's work is in threads that `start` makes after
 * confinement.
 *
 * Order of calls: prepare (may still read files outside the data directory), then on_peer/on_listen/on_bell/on_file for each
 * link and again whenever the supervisor replaces one, start (confined), ping now and then, stop. The end of the control
 * channel ends the process at once. All but the role's own threads run on the main thread.
 */
#ifndef SD_CORE_ROLE_H
#define SD_CORE_ROLE_H

#include "core/config.h"
#include "core/ipc/ipc.h"
#include "core/sandbox.h"

struct role_ctx;

struct role_health {
    bool ready;
    uint64_t waiting;
    struct buf reason;  /* why not ready; or, when ready, what should be looked at */
    const char *wanted; /* a file that is to be handed over anew; NULL: none */
};

struct role {
    const char *name;
    unsigned calls;                               /* enum sandbox_calls */
    struct sandbox_path paths[SANDBOX_PATHS_MAX]; /* dir NULL ends */
    enum sd_err (*prepare)(struct role_ctx *ctx);
    enum sd_err (*on_peer)(struct role_ctx *ctx, uint32_t peer, uint16_t instance, int fd); /* we serve it; owns fd */
    enum sd_err (*on_listen)(struct role_ctx *ctx, const char *name, int fd);               /* owns fd */
    enum sd_err (*on_bell)(struct role_ctx *ctx, const char *name, int fd);                 /* an eventfd; owns fd */
    enum sd_err (*on_secret)(struct role_ctx *ctx, const char *name, struct span secret);   /* before start; copies it */
    enum sd_err (*on_file)(struct role_ctx *ctx, const char *name, int fd);                 /* owns fd */
    unsigned (*more_calls)(const struct config *config); /* beyond `calls`, when the settings want it; NULL: none */
    enum sd_err (*start)(struct role_ctx *ctx);
    void (*ping)(struct role_ctx *ctx, struct role_health *health); /* health->ready is true when called */
    void (*stop)(struct role_ctx *ctx);                             /* finish what must be finished, within 10 s */
};

/* main() of a role. Exit status: 0 after stop, 1 otherwise. */
int role_main(const struct role *role, int argc, char **argv);

const struct config *role_config(const struct role_ctx *ctx);
uint16_t role_instance(const struct role_ctx *ctx);
/* Whom the role is run as when it was started as root: for processes aside (aside.h). */
uint32_t role_uid(const struct role_ctx *ctx);
uint32_t role_gid(const struct role_ctx *ctx);
/* Where the data directory is now: its path before confinement, "" after it when the root was changed. */
const char *role_data_dir(const struct role_ctx *ctx);
/* The client of a service, made at the first call (before start), attached when its link comes. */
struct ipc_client *role_client(struct role_ctx *ctx, const char *service);

/* A detached-never, joinable thread with a small named stack, for use after confinement. */
#define ROLE_STACK_BYTES ((size_t)256 * 1024)
enum sd_err role_thread(const char *name, void *(*run)(void *), void *arg, unsigned long *ret_thread) SD_MUST_CHECK;
/* The same with a stack of another size. */
enum sd_err role_thread_sized(const char *name, size_t stack_bytes, void *(*run)(void *), void *arg,
                              unsigned long *ret_thread) SD_MUST_CHECK;
/* The calling thread gives way to the others from now on: for work that may wait, and is long. */
void role_thread_gives_way(void);

/* Rings a bell (eventfd): wakes the process at the other end; never blocks. */
void bell_ring(int fd);
/* Waits for it and resets it: SD_OK or SD_ERR_TIMEOUT. */
enum sd_err bell_wait(int fd, struct deadline deadline) SD_MUST_CHECK;

/* A whole file, at most max bytes. */
enum sd_err file_read(const char *path, struct buf *to) SD_MUST_CHECK;

#endif
