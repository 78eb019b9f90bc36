#include "render/launch.h"
#include "core/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "render/launcher.h"

enum sd_err launcher_start(const struct launch_spec *spec, int *ret_fd) {
    struct aside_spec aside = {.name = "render-launch",
                               .uid = spec->uid,
                               .gid = spec->gid,
                               .no_network = true,
                               .run = launcher_run,
                               .arg = (void *)(uintptr_t)&spec->box};
    return aside_start(&aside, ret_fd);
}

static enum sd_err send_job(int launcher, const struct box_job *job, const int fds[LAUNCH_FDS]) {
    struct socket_fds room;
    struct box_job copy = *job;
    struct iovec iov = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    socket_put_fds(&msg, &room, fds, LAUNCH_FDS);
    return sendmsg(launcher, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof copy ? SD_OK : SD_ERR_UNAVAILABLE;
}

enum sd_err launch_start(int launcher, const struct box_job *job, int content, struct launch *ret) {
    int pixels[2], answer[2];
    if (pipe2(pixels, O_CLOEXEC) != 0)
        return sd_err_from_errno(errno);
    if (pipe2(answer, O_CLOEXEC) != 0) {
        (void)close(pixels[0]);
        (void)close(pixels[1]);
        return sd_err_from_errno(errno);
    }
    enum sd_err err = send_job(launcher, job, (int[]){content, pixels[1], answer[1]});
    (void)close(pixels[1]);
    (void)close(answer[1]);
    *ret = (struct launch){.pixels = pixels[0], .answer = answer[0]};
    if (err)
        (void)launch_finish(ret, deadline_in_ms(0));
    return err;
}

enum launch_end launch_finish(struct launch *launch, struct deadline deadline) {
    uint8_t end = LAUNCH_REFUSED;
    (void)close(launch->pixels);
    if (wait_fd(launch->answer, POLLIN, deadline) != SD_OK || read(launch->answer, &end, 1) != 1)
        end = LAUNCH_REFUSED;
    (void)close(launch->answer);
    return end <= LAUNCH_UNWATCHED ? (enum launch_end)end : LAUNCH_REFUSED;
}
