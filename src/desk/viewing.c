#include "desk/viewing.h"
#include "desk/reading.h"

void viewings_init(struct viewings *viewings) {
    *viewings = (struct viewings){0};
    (void)pthread_mutex_init(&viewings->lock, NULL);
}

static void forget(struct viewing *viewing) {
    secret_free(&viewing->key);
    *viewing = (struct viewing){0};
}

void viewings_free(struct viewings *viewings) {
    for (size_t i = 0; i < VIEWINGS_MAX; i++)
        forget(&viewings->of[i]);
    pthread_mutex_destroy(&viewings->lock);
}

static bool is_over(const struct viewing *viewing) {
    return clock_mono_ns() - viewing->since_ns >= INT64_C(1000000000) * VIEWING_S;
}

static bool is_same(const struct viewing *viewing, const struct sha256 *token, const struct object_id *object) {
    return viewing->there && span_eq(object_id_span(&viewing->object), object_id_span(object)) &&
           span_eq_secret(span_of(viewing->token.b, sizeof viewing->token.b), span_of(token->b, sizeof token->b));
}

/* Under the lock. What is over goes on the way. */
static struct viewing *find(struct viewings *viewings, const struct sha256 *token, const struct object_id *object) {
    struct viewing *found = NULL;
    for (size_t i = 0; i < VIEWINGS_MAX; i++) {
        struct viewing *viewing = &viewings->of[i];
        if (viewing->there && is_over(viewing))
            forget(viewing);
        if (is_same(viewing, token, object))
            found = viewing;
    }
    return found;
}

/* Under the lock: a free one, or the oldest. */
static struct viewing *make_room(struct viewings *viewings) {
    struct viewing *oldest = &viewings->of[0];
    for (size_t i = 0; i < VIEWINGS_MAX; i++) {
        if (!viewings->of[i].there)
            return &viewings->of[i];
        if (viewings->of[i].since_ns < oldest->since_ns)
            oldest = &viewings->of[i];
    }
    forget(oldest);
    return oldest;
}

static enum sd_err keep(struct viewings *viewings, const struct sha256 *token, const struct object_id *object,
                        struct span key) {
    struct secret copy SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_copy(key, &copy);
    if (err)
        return err;
    (void)pthread_mutex_lock(&viewings->lock);
    if (!find(viewings, token, object)) /* else another page of the same was asked for meanwhile */
        *make_room(viewings) = (struct viewing){
            .there = true, .since_ns = clock_mono_ns(), .token = *token, .object = *object, .key = secret_take(&copy)};
    (void)pthread_mutex_unlock(&viewings->lock);
    return SD_OK;
}

enum sd_err viewing_key(struct desk *desk, struct exchange *x, const struct object_id *object, struct span *ret_key) {
    struct sha256 token;
    struct span key = SPAN_NONE;
    enum sd_err err = crypt_sha256(x->session.token, &token);
    if (err)
        return err;
    (void)pthread_mutex_lock(&desk->viewings.lock);
    const struct viewing *viewing = find(&desk->viewings, &token, object);
    if (viewing)
        key = arena_span(x->arena, secret_span(&viewing->key));
    (void)pthread_mutex_unlock(&desk->viewings.lock);
    if (key.n == 0) {
        err = read_key(desk, x, object, FACET_PREVIEW, &key, NULL);
        if (err == SD_OK)
            err = keep(&desk->viewings, &token, object, key);
    }
    if (err == SD_OK)
        *ret_key = key;
    return err ? err : arena_err(x->arena);
}
