#include "desk/desk.h"
#include "desk/input.h"

void desk_init(struct desk *desk) {
    *desk = (struct desk){.outbound_bell = -1, .preview_bell = -1, .hostname = "", .review_at = UINT32_MAX};
    for (size_t i = 0; i < REPLY_LOCKS; i++)
        (void)pthread_mutex_init(&desk->reply_locks[i], NULL);
    for (size_t i = 0; i < CHANGE_LOCKS; i++)
        (void)pthread_mutex_init(&desk->change_locks[i], NULL);
    (void)sem_init(&desk->sources, 0, SOURCES_AT_ONCE);
    (void)sem_init(&desk->previews, 0, PREVIEWS_AT_ONCE);
    viewings_init(&desk->viewings);
    input_setup();
}

void desk_end(struct desk *desk) {
    viewings_free(&desk->viewings);
}
