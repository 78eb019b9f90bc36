/* test_role.h - the real sealdesk-render as the supervisor starts it, and the clerk's end of its channel. */
#ifndef SD_RENDER_TEST_ROLE_H
#define SD_RENDER_TEST_ROLE_H

#include "core/ipc/cards.h"
#include "core/ipc/render.h"

#include <sys/types.h>

#define TEST_WAIT_MS 120000

struct test_role {
    char dir[64];
    pid_t pid;
    struct ipc_client *control, *render;
};

/* With config.def's defaults but for preview.seconds. */
void test_role_start(struct test_role *role, const char *program, unsigned seconds);
/* The same on a machine where one program is not installed; needs root. */
void test_role_start_without(struct test_role *role, const char *program, const char *missing);
void test_role_stop(struct test_role *role);

struct test_pages {
    struct ipc_msg *msg;
    struct render_pages_rep rep;
    struct cards_preview_v1 preview; /* when done */
};
/* Any thread. */
struct test_pages test_role_ask(struct test_role *role, struct span content, const char *name);
void test_pages_free(struct test_pages *pages);
/* Width and height of page i (0 …). */
void test_page_size(const struct test_pages *pages, unsigned i, uint32_t *ret_width, uint32_t *ret_height);

#endif
