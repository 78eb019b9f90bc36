#include "desk/fixture_test.h"
#include "auth/auth.h"
#include "core/ipc/cards.h"
#include "desk/server.h"
#include "store/facet.h"

#include <assert.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int fake_keeper_start(void);
void fake_keeper_join(void);
void fake_domain_tag(struct span domain, uint8_t ret[DOMAIN_TAG_BYTES]);
enum sd_err fake_facet_key(struct span object, enum facet facet, struct secret *ret);

int fixture_set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->dir, "/tmp/sealdesk-desk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    desk_init(&f->desk);
    f->desk.hostname = "desk.example.com";
    f->desk.review_at = 100;
    struct span wrong;
    assert_int_equal(policy_weights(SPAN("known-name=25"), f->desk.weights, &wrong), SD_OK);
    char store_dir[96];
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", f->dir);
    assert_int_equal(store_create(store_dir), SD_OK);
    assert_int_equal(stores_new(store_dir, &f->desk.stores), SD_OK);
    int keeper = fake_keeper_start();
    assert_true(keeper >= 0);
    f->desk.keeper = ipc_client_new("keeper");
    ipc_client_attach(f->desk.keeper, keeper);
    f->x.response.body = buf_new(RESPONSE_BYTES_MAX);
    f->x.request = &f->request;
    *state = f;
    return 0;
}

static void remove_folder(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char full[512];
        (void)snprintf(full, sizeof full, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && unlink(full) != 0)
            remove_folder(full);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

void fixture_remove(const struct fixture *f) {
    remove_folder(f->dir);
}

int fixture_tear_down(void **state) {
    struct fixture *f = *state;
    ipc_client_attach(f->desk.keeper, -1);
    fake_keeper_join();
    stores_free(&f->desk.stores);
    desk_end(&f->desk);
    arena_free(&f->x.arena);
    buf_free(&f->x.response.body);
    remove_folder(f->dir);
    free(f->desk.keeper);
    free(f);
    return 0;
}

const char *hex_id(uint8_t seed, char to[33]) {
    for (int i = 0; i < 16; i++)
        (void)snprintf(to + 2 * i, 3, "%02x", seed);
    return to;
}

static struct object_id object_of(uint8_t seed) {
    struct object_id id;
    memset(id.b, seed, sizeof id.b);
    return id;
}

static struct ticket_id ticket_of(uint8_t seed) {
    struct ticket_id id;
    memset(id.b, seed, sizeof id.b);
    return id;
}

void fixture_put(struct store *store, const struct object_id *object, enum facet facet, struct span plain) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(4 * 1024 * 1024);
    assert_int_equal(fake_facet_key(object_id_span(object), facet, &key), SD_OK);
    assert_int_equal(seal_facet(secret_span(&key), object, facet, plain, &sealed), SD_OK);
    assert_int_equal(facet_put(store, object, facet, buf_span(&sealed)), SD_OK);
}

static void put_facet(struct store *store, uint8_t seed, enum facet facet, struct span plain) {
    struct object_id object = object_of(seed);
    fixture_put(store, &object, facet, plain);
}

/* Carla, whom everything speaks for. */
static const struct fixture_sender carla = {.from = "carla@customer.example",
                                            .domain = "customer.example",
                                            .trust = TRUST_VERIFIED,
                                            .disposition = DISPOSITION_ACCEPT,
                                            .as_customer = true};

static struct span or_else(const char *text, const char *otherwise) {
    return span_cstr(text ? text : otherwise);
}

static void list_files(struct cards_head_v1 *head, struct buf *raw, const struct fixture_sender *from) {
    for (uint16_t i = 0; i < from->file_count; i++) {
        struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(4096);
        struct cards_attachment_v1 attachment = {.name = span_cstr(from->files[i].name),
                                                 .type = SPAN("application/pdf"),
                                                 .size_bytes = strlen(from->files[i].content)};
        assert_int_equal(cards_attachment_v1_encode(&card, &attachment), SD_OK);
        ipc_list_add(&head->attachments, raw, buf_span(&card.body));
    }
}

static void put_head_card(struct store *store, uint8_t seed, const char *subject, const struct fixture_sender *from) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(65536);
    struct buf refs SD_CLEANUP(buf_free) = buf_new(1024), files SD_CLEANUP(buf_free) = buf_new(8192);
    char sentence[300], message_id[64];
    (void)snprintf(sentence, sizeof sentence, "%s %s",
                   from->trust == TRUST_VERIFIED ? "Verified:" : "Not verified: claims to be",
                   from->domain ? from->domain : "");
    (void)snprintf(message_id, sizeof message_id, "m%u@customer.example", seed);
    struct cards_head_v1 head = {
        .subject = span_cstr(subject),
        .from_name = SPAN("Carla <b>Kunde</b>"),
        .from_address = span_cstr(from->from),
        .reply_to = span_cstr(from->reply_to),
        .date_ms = 1764150000000,
        .message_id = span_cstr(message_id),
        .trust = from->trust,
        .trust_domain = span_cstr(from->domain),
        .trust_sentence = span_cstr(sentence),
        .checks = or_else(from->checks, "{\"spf\":{},\"dkim\":[],\"dmarc\":{}}"),
        .signals = or_else(from->signals, "[{\"id\":\"lookalike-own\",\"sentence\":\"Looks alike.\"}]"),
        .disposition_reason = span_cstr(from->reason),
        .ambiguities = SPAN("[\"date-repeated\"]")};
    ipc_list_add(&head.references, &refs, SPAN("newer@customer.example"));
    ipc_list_add(&head.references, &refs, SPAN("older@customer.example"));
    list_files(&head, &files, from);
    assert_int_equal(cards_head_v1_encode(&card, &head), SD_OK);
    put_facet(store, seed, FACET_HEAD, buf_span(&card.body));
}

static void put_files(struct store *store, uint8_t seed, const struct fixture_sender *from) {
    struct object_id letter = object_of(seed);
    for (uint16_t i = 0; i < from->file_count; i++) {
        struct attachment_row row = {
            .message = letter, .index = i, .size_bytes = strlen(from->files[i].content), .state = OBJECT_CLEAN};
        assert_int_equal(attachment_object_id(&letter, i, &row.object), SD_OK);
        assert_int_equal(attachment_add(store, &row), SD_OK);
        fixture_put(store, &row.object, FACET_FILE, span_cstr(from->files[i].content));
    }
}

static void put_letter(struct store *store, uint8_t ticket, uint8_t seed, enum ticket_state state, const char *subject,
                       uint16_t attachments, const struct fixture_sender *from) {
    struct message_row row = {.object = object_of(seed),
                              .ticket = ticket_of(ticket),
                              .direction = DIRECTION_IN,
                              .at_ms = 1764150000000 + seed,
                              .trust = from->trust,
                              .disposition = from->disposition,
                              .state = attachments ? OBJECT_UNSCANNED : OBJECT_CLEAN,
                              .attachments = attachments,
                              .size_bytes = 100,
                              .signals = from->row_signals,
                              .known = from->known,
                              .known_since_ms = from->known_since_ms,
                              .has_domain_tag = from->domain != NULL,
                              .as_customer = from->as_customer,
                              .encrypted = from->encrypted,
                              .stricter = from->stricter};
    fake_domain_tag(span_cstr(from->domain), row.domain_tag);
    assert_int_equal(message_add(store, &row, state), SD_OK);
    put_head_card(store, seed, subject, from);
    put_facet(store, seed, FACET_TEXT, SPAN("Hello,\n\"it\" broke \xc3\xa4gain.\n"));
    put_facet(store, seed, FACET_SOURCE, SPAN("Subject: x\r\n\r\nHello\r\n"));
    if (from->html)
        put_facet(store, seed, FACET_HTML, span_cstr(from->html));
    put_files(store, seed, from);
}

static void begin(struct fixture *f, struct lease *lease) {
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), lease), SD_OK);
    assert_int_equal(store_begin(lease->store, deadline_in_ms(5000)), SD_OK);
}

static void add_ticket(struct fixture *f, uint8_t seed, const char *queue, enum ticket_state state, const char *subject,
                       const struct fixture_sender *sender) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct ticket_id id = ticket_of(seed);
    struct object_id first = object_of(seed);
    begin(f, &lease);
    assert_int_equal(ticket_ensure(lease.store, &id, span_cstr(queue), state, &first, 1764150000000 + seed), SD_OK);
    put_letter(lease.store, seed, seed, state, subject, sender->file_count, sender);
    assert_int_equal(store_commit(lease.store), SD_OK);
}

void fixture_ticket(struct fixture *f, uint8_t seed, const char *queue, enum ticket_state state, const char *subject) {
    add_ticket(f, seed, queue, state, subject, &carla);
}

void fixture_ticket_from(struct fixture *f, uint8_t seed, const struct fixture_sender *sender) {
    add_ticket(f, seed, "support", TICKET_OPEN, "x", sender);
}

void fixture_letter(struct fixture *f, uint8_t ticket_seed, uint8_t seed, enum ticket_state state, uint16_t attachments) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    begin(f, &lease);
    put_letter(lease.store, ticket_seed, seed, state, "Again", attachments, &carla);
    assert_int_equal(store_commit(lease.store), SD_OK);
}

void fixture_letter_from(struct fixture *f, uint8_t ticket_seed, uint8_t seed, const struct fixture_sender *sender) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    begin(f, &lease);
    put_letter(lease.store, ticket_seed, seed, TICKET_OPEN, "Again", sender->file_count, sender);
    assert_int_equal(store_commit(lease.store), SD_OK);
}

struct ticket_row fixture_row(struct fixture *f, uint8_t seed) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct ticket_id id = ticket_of(seed);
    struct ticket_row row;
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), &lease), SD_OK);
    assert_int_equal(ticket_get(lease.store, &id, f->x.arena, &row), SD_OK);
    return row;
}

void fixture_head(struct fixture *f, uint8_t seed, struct span sealed_instead) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct ticket_id id = ticket_of(seed);
    struct object_id object = object_of(seed);
    struct message_row row = {.object = object, .ticket = id, .direction = DIRECTION_IN, .at_ms = 1764150000000};
    begin(f, &lease);
    assert_int_equal(ticket_ensure(lease.store, &id, SPAN("support"), TICKET_OPEN, &object, 1764150000000), SD_OK);
    assert_int_equal(message_add(lease.store, &row, TICKET_OPEN), SD_OK);
    assert_int_equal(facet_put(lease.store, &object, FACET_HEAD, sealed_instead), SD_OK);
    assert_int_equal(store_commit(lease.store), SD_OK);
}

void fixture_request(struct fixture *f, enum http_method method, const char *path, const char *body) {
    struct buf kept = f->x.response.body;
    arena_free(&f->x.arena);
    buf_reset(&kept);
    f->x = (struct exchange){.request = &f->request, .arena = arena_new(EXCHANGE_ARENA_BYTES), .response = {.body = kept}};
    f->request = (struct http_request){.method = method,
                                       .path = span_cstr(path),
                                       .host = SPAN("desk.example.com"),
                                       .cookie = SPAN(COOKIE_AGENT),
                                       .csrf = SPAN(CSRF_AGENT),
                                       .content_type = SPAN("application/json; charset=utf-8"),
                                       .body = span_cstr(body),
                                       .client = SPAN("192.0.2.7")};
}

void fixture_bearer(struct fixture *f, enum http_method method, const char *path, const char *body) {
    fixture_request(f, method, path, body);
    f->request.cookie = f->request.csrf = SPAN_NONE;
    f->request.authorization = SPAN(API_TOKEN);
    fake.factor = FACTOR_TOKEN;
}

unsigned fixture_go(struct fixture *f) {
    const struct route *route = NULL;
    size_t body_max = 0;
    if (desk_gate(&f->desk, &f->x, &route, &body_max))
        desk_handle(&f->desk, &f->x, route);
    return f->x.response.status;
}

unsigned fixture_get(struct fixture *f, const char *path) {
    fixture_request(f, HTTP_GET, path, "");
    return fixture_go(f);
}

const char *fixture_body(struct fixture *f) {
    struct span body = f->x.response.fixed.p ? f->x.response.fixed : buf_span(&f->x.response.body);
    const char *text = arena_cstr(f->x.arena, body);
    assert_non_null(text);
    return text;
}

bool fixture_says(struct fixture *f, const char *part) {
    bool found = strstr(fixture_body(f), part) != NULL;
    if (!found)
        print_message("not in: %s\n", fixture_body(f));
    return found;
}
