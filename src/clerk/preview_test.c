/* Pictures of attachments: what goes to the renderer, what is kept of its answer, and what people are told when there is none.
 */
#include "clerk/preview.h"
#include "clerk/test_peers.h"
#include "core/role.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct test_dir dir;
static struct store *store;
static struct arena *arena;
static struct fake_warrants keeper;
static struct previewer *previewer;

/* The renderer. */
static struct {
    struct fake_peer peer;
    uint8_t outcome;
    const char *reason;
    uint32_t pages, says; /* how many there are, and are said to be */
    size_t page_bytes;
    bool dies, removes, silent, pairs, fills_disk;
    enum sd_err status;
    struct ipc_call *held; /* silent, and pairs: until there are two */
    atomic_uint asked;
    uint8_t first[32]; /* of the last content */
} renderer;

static void put_pages(struct buf *pages) {
    for (uint32_t i = 0; i < renderer.pages; i++) {
        struct buf page SD_CLEANUP(buf_free) = buf_new(renderer.page_bytes);
        uint8_t *p = buf_reserve(&page, renderer.page_bytes);
        random_bytes(p, renderer.page_bytes); /* as little to be made smaller as a PNG file */
        buf_grew(&page, renderer.page_bytes);
        buf_blob(pages, buf_span(&page));
    }
}

static void reply(struct ipc_call *call) {
    struct buf pages SD_CLEANUP(buf_free) = buf_new((size_t)120 * 1024 * 1024);
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new((size_t)130 * 1024 * 1024);
    put_pages(&pages);
    struct cards_preview_v1 preview = {.count = renderer.says, .total = renderer.says, .pages = buf_span(&pages)};
    assert_int_equal(cards_preview_v1_encode(&card, &preview), SD_OK);
    struct render_pages_rep rep = {.outcome = renderer.outcome,
                                   .reason = span_cstr(renderer.reason ? renderer.reason : ""),
                                   .preview = renderer.outcome ? SPAN_NONE : buf_span(&card.body)};
    render_pages_reply(call, &rep);
}

static void remove_letter(void) {
    struct object_id id = test_object_id(1);
    struct store *other = test_store_open(&dir);
    test_begin(other);
    assert_int_equal(message_remove(other, &id, 1), SD_OK);
    assert_int_equal(store_commit(other), SD_OK);
    store_close(&other);
}

/* Room for a few more pages of the store's log, not for the pictures. */
static void fill_disk(void) {
    char path[160];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/store.db-wal", dir.store);
    assert_int_equal(stat(path, &st), 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)st.st_size + 24 * 1024, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void hold_or_reply(struct ipc_call *call) {
    struct ipc_call *other = renderer.held;
    if (renderer.silent || (renderer.pairs && !other)) {
        renderer.held = call;
        return;
    }
    renderer.held = NULL;
    if (other)
        reply(other);
    reply(call);
}

static enum sd_err on_pages(SD_UNUSED void *ctx, struct ipc_call *call) {
    struct render_pages_req req;
    if (render_pages_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    memcpy(renderer.first, req.content.p, sizeof renderer.first);
    atomic_fetch_add(&renderer.asked, 1);
    if (renderer.removes)
        remove_letter();
    if (renderer.fills_disk)
        fill_disk();
    if (renderer.dies)
        return SD_ERR_PROTOCOL;
    if (renderer.status)
        ipc_refuse(call, renderer.status);
    else
        hold_or_reply(call);
    return SD_OK;
}

static void start_renderer(void) {
    static const struct ipc_op ops[] = {{1, "pages", PEER_CLERK, 1, false, false, on_pages}};
    fake_peer_start(&renderer.peer, "render", ops, SD_COUNT(ops), NULL);
}

static void new_previewer(int64_t wait_ms, int64_t give_up_ms) {
    previewer_free(&previewer);
    struct previewer_spec spec = {.store_dir = dir.store,
                                  .keeper = keeper.peer.client,
                                  .render = renderer.peer.client,
                                  .wait_ms = wait_ms,
                                  .render_ms = 10000,
                                  .give_up_ms = give_up_ms,
                                  .keep_again_ms = 1};
    assert_int_equal(previewer_new(&spec, &previewer), SD_OK);
}

static int make(SD_UNUSED void **state) {
    (void)signal(SIGXFSZ, SIG_IGN);
    dir = test_dir_new();
    assert_int_equal(store_create(dir.store), SD_OK);
    store = test_store_open(&dir);
    arena = arena_new(1024 * 1024);
    keeper = (struct fake_warrants){.warrant = 9};
    memset(&renderer, 0, sizeof renderer);
    renderer.pages = renderer.says = 2;
    renderer.page_bytes = 5000;
    fake_warrants_start(&keeper);
    start_renderer();
    new_previewer(60000, 60000);
    for (unsigned n = 1; n <= 2; n++)
        fake_file(&keeper, store, n, 100);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    previewer_free(&previewer);
    fake_peer_free(&keeper.peer);
    fake_peer_free(&renderer.peer);
    arena_free(&arena);
    store_close(&store);
    test_dir_free(&dir);
    return 0;
}

static void want_at(unsigned letter, unsigned file, int64_t now_ms) {
    struct warrant_id id = {{9}};
    test_begin(store);
    assert_int_equal(preview_want(store, &keeper.files[letter][file].id, &id, now_ms), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
}

static void want(unsigned letter, unsigned file) {
    want_at(letter, file, clock_unix_ms());
}

static struct preview_row row_of(unsigned letter, unsigned file) {
    struct preview_row row;
    assert_int_equal(preview_get(store, &keeper.files[letter][file].id, arena, &row), SD_OK);
    return row;
}

static void expect_failed(unsigned letter, unsigned file, const char *reason) {
    struct preview_row row = row_of(letter, file);
    bool there = true;
    assert_int_equal(row.state, PREVIEW_FAILED);
    assert_true(span_starts(row.reason, span_cstr(reason)));
    assert_int_equal(facet_exists(store, &keeper.files[letter][file].id, FACET_PREVIEW, &there), SD_OK);
    assert_false(there);
}

static void expect_done(unsigned letter, unsigned file) {
    const struct fake_object *object = &keeper.files[letter][file];
    struct buf sealed SD_CLEANUP(buf_free) = buf_new((size_t)130 * 1024 * 1024);
    struct buf plain SD_CLEANUP(buf_free) = buf_new((size_t)130 * 1024 * 1024);
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct cards_preview_v1 preview;
    struct preview_row row = row_of(letter, file);
    assert_int_equal(row.state, PREVIEW_DONE);
    assert_int_equal(row.pages, renderer.pages);
    assert_int_equal(facet_get(store, &object->id, FACET_PREVIEW, &sealed), SD_OK);
    assert_int_equal(facet_key(span_of(object->key, 32), FACET_PREVIEW, &key), SD_OK);
    assert_int_equal(open_facet(secret_span(&key), &object->id, FACET_PREVIEW, buf_span(&sealed), plain.max, &plain), SD_OK);
    assert_int_equal(cards_preview_v1_decode(buf_span(&plain), NULL, &preview), SD_OK);
    assert_int_equal(preview.count, renderer.pages);
}

static void made_and_kept(SD_UNUSED void **state) {
    assert_int_equal(previewer_step(previewer, 0), 60000); /* nothing is wanted */
    want(1, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    assert_memory_equal(renderer.first, "letter 1 file 1 bbbb", 20);
    expect_done(1, 1);
    want(1, 1); /* once more: there are pictures */
    assert_int_equal(previewer_step(previewer, 0), 60000);
    assert_int_equal(previewer_step(previewer, 1), 60000);
    assert_int_equal(atomic_load(&renderer.asked), 1);
    assert_int_equal(atomic_load(&keeper.opened), 2); /* the file, and the key to seal with */
    renderer.pages = renderer.says = 60;
    renderer.page_bytes = (size_t)400 * 1024; /* 24 MB */
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 1), 0);
    expect_done(1, 0);
}

static void the_keeper_refuses(SD_UNUSED void **state) {
    atomic_store(&keeper.refused_facets, 1U << FACET_FILE);
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, "It may not be shown.");
    assert_int_equal(atomic_load(&renderer.asked), 0);
    atomic_store(&keeper.refused_facets, 1U << FACET_PREVIEW); /* released, rendered, and closed again meanwhile */
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, "It may not be shown.");
    atomic_store(&keeper.refused_facets, 0);
    want(1, 0); /* nothing was sealed: it can be made */
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_done(1, 0);
}

static void other_bytes_are_not_rendered(SD_UNUSED void **state) {
    keeper.files[1][0].digest.b[0] ^= 1;
    keeper.files[1][1].key[0] ^= 1;
    want(1, 0);
    want(1, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, "What the store has is not what came in.");
    expect_failed(1, 1, "What the store has is not what came in.");
    assert_int_equal(atomic_load(&renderer.asked), 0);
}

static void nothing_to_show(SD_UNUSED void **state) {
    renderer.outcome = RENDER_UNSUPPORTED;
    renderer.reason = "LibreOffice is not installed (package libreoffice-writer-nogui).";
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, renderer.reason);
    renderer.outcome = RENDER_FAILED;
    renderer.reason = NULL;
    want(1, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 1, "The pictures could not be made.");
    renderer.outcome = RENDER_DONE;
    renderer.says = 3; /* and sends two */
    want(2, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(2, 0, "The pictures could not be made.");
    renderer.says = renderer.pages = 0;
    want(2, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(2, 1, "The pictures could not be made.");
    assert_false(row_of(2, 1).final);
}

/* While it is at a file it dies: that file is not shown to the next one unasked. */
static void the_renderer_dies(SD_UNUSED void **state) {
    renderer.dies = true;
    want_at(1, 0, clock_unix_ms() - 1); /* the first one is asked for first */
    want(1, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, "What makes the pictures ended while it was at it.");
    assert_true(previewer_step(previewer, 0) < 0); /* and there is none now */
    assert_int_equal(row_of(1, 1).state, PREVIEW_WANTED);
    assert_int_equal(atomic_load(&keeper.opened), 1); /* nothing was opened for nobody */
    fake_peer_stop(&renderer.peer);
    renderer.dies = false;
    start_renderer();
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_done(1, 0);
    expect_done(1, 1);
}

static void away_for_too_long(SD_UNUSED void **state) {
    fake_peer_stop(&renderer.peer);
    want_at(1, 0, clock_unix_ms() - 61000);
    want(1, 1);
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_failed(1, 0, "What makes the pictures is not running.");
    assert_int_equal(previewer_step(previewer, 0), -60000);
    assert_int_equal(row_of(1, 1).state, PREVIEW_WANTED);
    start_renderer();
    atomic_store(&keeper.away, true);
    assert_int_equal(previewer_step(previewer, 0), -60000);
    assert_int_equal(row_of(1, 1).state, PREVIEW_WANTED);
    atomic_store(&keeper.away, false);
    renderer.status = SD_ERR_BUSY;
    assert_int_equal(previewer_step(previewer, 0), -60000);
    renderer.status = SD_OK;
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_done(1, 1);
}

static void destroyed_meanwhile(SD_UNUSED void **state) {
    bool there = true;
    struct preview_row row;
    renderer.removes = true;
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 0);
    assert_int_equal(facet_exists(store, &keeper.files[1][0].id, FACET_PREVIEW, &there), SD_OK);
    assert_false(there);
    assert_int_equal(preview_get(store, &keeper.files[1][0].id, arena, &row), SD_ERR_NOTFOUND);
    assert_int_equal(previewer_step(previewer, 0), 60000);
}

/* What was sealed cannot be kept: it is not sealed again, whoever asks, and after a restart neither. */
static void the_disk_is_full(SD_UNUSED void **state) {
    struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    renderer.fills_disk = true;
    renderer.pages = renderer.says = 1;
    renderer.page_bytes = (size_t)47 * 1024; /* inline: no file is made for it */
    want(1, 0);
    int64_t ms = previewer_step(previewer, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_true(ms <= 0);
    renderer.fills_disk = false;
    (void)previewer_step(previewer, 0); /* and with room again it is said */
    expect_failed(1, 0, "Its pictures were lost");
    assert_true(row_of(1, 0).final);
    want(1, 0);
    assert_int_equal(previewer_step(previewer, 0), 60000);
    new_previewer(60000, 60000);
    want_at(1, 0, clock_unix_ms() + 10 * PREVIEW_STALE_MS);
    assert_int_equal(previewer_step(previewer, 0), 60000);
    assert_int_equal(atomic_load(&renderer.asked), 1);
    want(1, 1); /* others are made */
    assert_int_equal(previewer_step(previewer, 0), 0);
    expect_done(1, 1);
}

/* The clerk before this one ended between sealing and keeping. */
static void what_a_predecessor_was_at(SD_UNUSED void **state) {
    want(1, 0);
    want(1, 1);
    test_begin(store);
    assert_int_equal(preview_seals(store, &keeper.files[1][0].id), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    assert_int_equal(previewer_step(previewer, 1), 0);
    expect_failed(1, 0, "Its pictures were lost");
    expect_done(1, 1);
}

static void wait_for(unsigned letter, unsigned file, enum preview_state state) {
    struct deadline end = deadline_in_ms(8000);
    while (row_of(letter, file).state != state) {
        struct timespec pause = {.tv_nsec = 2000000};
        assert_false(deadline_passed(end));
        (void)nanosleep(&pause, NULL);
    }
}

/* Two at a time, never the same one: the renderer answers none before it has two. */
static void two_at_a_time_by_the_bell(SD_UNUSED void **state) {
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), mine = dup(bell);
    renderer.pairs = true;
    previewer_bell(previewer, bell);
    assert_int_equal(previewer_start(previewer), SD_OK);
    for (unsigned n = 1; n <= 2; n++) {
        want(n, 0);
        bell_ring(mine);
        want(n, 1);
        bell_ring(mine);
        wait_for(n, 0, PREVIEW_DONE);
        wait_for(n, 1, PREVIEW_DONE);
    }
    assert_int_equal(atomic_load(&renderer.asked), 4);
    previewer_free(&previewer);
    (void)close(mine);
}

static void stops_in_the_middle(SD_UNUSED void **state) {
    renderer.silent = true;
    want(1, 0);
    assert_int_equal(previewer_start(previewer), SD_OK);
    for (struct deadline end = deadline_in_ms(5000); atomic_load(&renderer.asked) == 0;)
        assert_false(deadline_passed(end));
    int64_t from = clock_mono_ns();
    previewer_tell_stop(previewer);
    ipc_client_attach(renderer.peer.client, -1);
    previewer_free(&previewer);
    assert_true(clock_mono_ns() - from < INT64_C(4000000000));
    assert_int_equal(row_of(1, 0).state, PREVIEW_WANTED); /* for the next clerk */
    fake_peer_stop(&renderer.peer);
    ipc_refuse(renderer.held, SD_ERR_UNAVAILABLE); /* to nobody */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(made_and_kept),
        CASE(the_keeper_refuses),
        CASE(other_bytes_are_not_rendered),
        CASE(nothing_to_show),
        CASE(the_renderer_dies),
        CASE(away_for_too_long),
        CASE(destroyed_meanwhile),
        CASE(the_disk_is_full),
        CASE(what_a_predecessor_was_at),
        CASE(two_at_a_time_by_the_bell),
        CASE(stops_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
