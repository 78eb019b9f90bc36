#include "keeper/pages.h"

#include <string.h>

struct page_aad {
    uint8_t b[12];
};

static struct span page_aad(int64_t id, struct page_aad *aad) {
    memcpy(aad->b, "page", 4);
    for (size_t i = 0; i < 8; i++)
        aad->b[4 + i] = (uint8_t)((uint64_t)id >> (8 * i));
    return span_of(aad->b, sizeof aad->b);
}

static void page_free(struct key_page *page) {
    secret_free(&page->key);
    secret_free(&page->keys);
    *page = (struct key_page){0};
}

static enum sd_err page_read(const struct pages *pages, struct query *q, struct key_page *ret) {
    struct page_aad aad;
    struct key_page page = {.id = query_get_int(q, 0), .used = (unsigned)query_get_int(q, 3)};
    struct span bound = page_aad(page.id, &aad);
    enum sd_err err = page.used > PAGE_KEYS ? SD_ERR_BUG : SD_OK;
    if (err == SD_OK)
        err = crypt_unwrap(secret_span(&pages->vault->vault), bound, query_get(q, 1), &page.key);
    if (err == SD_OK)
        err = crypt_unwrap(secret_span(&page.key), bound, query_get(q, 2), &page.keys);
    if (err == SD_OK && page.keys.n != (size_t)PAGE_KEYS * KEY_BYTES)
        err = SD_ERR_BUG;
    if (err)
        page_free(&page);
    else
        *ret = page;
    return err;
}

static enum sd_err page_load(const struct pages *pages, enum db_sql sql, int64_t id, struct key_page *ret) {
    struct query q = db_query(pages->db, sql);
    if (sql == SQL_PAGE_GET)
        query_int(&q, id);
    enum sd_err err = query_row(&q) ? page_read(pages, &q, ret) : SD_ERR_NOTFOUND;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

#define WRAPPED_KEY_BYTES 256
#define WRAPPED_KEYS_BYTES ((size_t)PAGE_KEYS * KEY_BYTES + 256)

static enum sd_err page_wrap(const struct pages *pages, const struct key_page *page, struct buf *key, struct buf *keys) {
    struct page_aad aad;
    struct span bound = page_aad(page->id, &aad);
    enum sd_err err = crypt_wrap(secret_span(&pages->vault->vault), bound, secret_span(&page->key), key);
    return err ? err : crypt_wrap(secret_span(&page->key), bound, secret_span(&page->keys), keys);
}

static enum sd_err page_write(const struct pages *pages, struct key_page *page) {
    struct buf key SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEY_BYTES), keys SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEYS_BYTES);
    enum sd_err err = page_wrap(pages, page, &key, &keys);
    if (err)
        return err;
    struct query q = db_query(pages->db, SQL_PAGE_PUT);
    query_int(&q, page->id);
    query_blob(&q, buf_span(&key));
    query_blob(&q, buf_span(&keys));
    query_int(&q, page->used);
    err = query_run(&q);
    if (err == SD_OK)
        page->changed = false;
    return err;
}

static enum sd_err page_new(int64_t id, struct key_page *ret) {
    struct key_page page = {.id = id};
    enum sd_err err = secret_random(KEY_BYTES, &page.key);
    if (err == SD_OK)
        err = secret_new((size_t)PAGE_KEYS * KEY_BYTES, &page.keys);
    if (err)
        page_free(&page);
    else
        *ret = page;
    return err;
}

static enum sd_err open_newest(struct pages *pages) {
    enum sd_err err = page_load(pages, SQL_PAGE_NEWEST, 0, &pages->open);
    if (err == SD_ERR_NOTFOUND)
        return page_new(1, &pages->open);
    for (size_t i = 0; err == SD_OK && i < PAGES_CACHED; i++)
        if (pages->cached[i].id == pages->open.id)
            page_free(&pages->cached[i]); /* it would not see what is added from now on */
    return err;
}

/* A page with a free slot as the open one. */
static enum sd_err have_open(struct pages *pages) {
    enum sd_err err = pages->open.id == 0 ? open_newest(pages) : SD_OK;
    if (err || pages->open.used < PAGE_KEYS)
        return err;
    int64_t next = pages->open.id + 1;
    err = pages_flush(pages);
    if (err == SD_OK) {
        page_free(&pages->open);
        err = page_new(next, &pages->open);
    }
    return err;
}

enum sd_err pages_add(struct pages *pages, struct span key, int64_t *ret_page, unsigned *ret_slot) {
    if (key.n != KEY_BYTES)
        return SD_ERR_BUG;
    enum sd_err err = have_open(pages);
    if (err)
        return err;
    struct key_page *page = &pages->open;
    memcpy(page->keys.p + (size_t)page->used * KEY_BYTES, key.p, KEY_BYTES);
    page->changed = true;
    *ret_page = page->id;
    *ret_slot = page->used++;
    return SD_OK;
}

enum sd_err pages_flush(struct pages *pages) {
    return pages->open.changed ? page_write(pages, &pages->open) : SD_OK;
}

void pages_forget(struct pages *pages) {
    page_free(&pages->open);
    for (size_t i = 0; i < PAGES_CACHED; i++)
        page_free(&pages->cached[i]);
}

/* The cached page, read over the one that was unused for longest. */
static enum sd_err have_cached(struct pages *pages, int64_t id, struct key_page **ret) {
    struct key_page *oldest = &pages->cached[0];
    for (size_t i = 0; i < PAGES_CACHED; i++) {
        struct key_page *page = &pages->cached[i];
        if (page->id == id) {
            *ret = page;
            return SD_OK;
        }
        if (page->touched < oldest->touched)
            oldest = page;
    }
    struct key_page page = {0};
    enum sd_err err = page_load(pages, SQL_PAGE_GET, id, &page);
    if (err)
        return err;
    page_free(oldest);
    *oldest = page;
    *ret = oldest;
    return SD_OK;
}

/* The page in memory and the place of a key in it; what was destroyed has none. */
static enum sd_err find_place(struct pages *pages, int64_t page, unsigned slot, struct key_page **ret, uint8_t **ret_key) {
    static const uint8_t destroyed[KEY_BYTES];
    struct key_page *found = &pages->open;
    if (page == 0)
        return SD_ERR_NOTFOUND;
    if (pages->open.id != page) {
        enum sd_err err = have_cached(pages, page, &found);
        if (err)
            return err;
    }
    if (slot >= found->used)
        return SD_ERR_NOTFOUND;
    uint8_t *key = found->keys.p + (size_t)slot * KEY_BYTES;
    if (span_eq_secret(span_of(key, KEY_BYTES), span_of(destroyed, KEY_BYTES)))
        return SD_ERR_NOTFOUND;
    found->touched = ++pages->clock;
    *ret = found;
    *ret_key = key;
    return SD_OK;
}

enum sd_err pages_find(struct pages *pages, int64_t page, unsigned slot, struct secret *ret) {
    struct key_page *found;
    uint8_t *key;
    enum sd_err err = find_place(pages, page, slot, &found, &key);
    return err ? err : secret_copy(span_of(key, KEY_BYTES), ret);
}

/* ---- new keys ---- */

/* The page as it is now under a key of its own that nothing was ever wrapped with. */
static enum sd_err give_new_key(const struct pages *pages, struct key_page *page) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEY_BYTES),
                       keys SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEYS_BYTES);
    enum sd_err err = secret_random(KEY_BYTES, &key);
    if (err)
        return err;
    secret_free(&page->key);
    page->key = secret_take(&key);
    err = page_wrap(pages, page, &wrapped, &keys);
    if (err)
        return err;
    struct query q = db_query(pages->db, SQL_PAGE_REKEY);
    query_blob(&q, buf_span(&wrapped));
    query_blob(&q, buf_span(&keys));
    query_int(&q, page->id);
    return query_run(&q);
}

/* What is in memory changes at once; whoever rolls back forgets it (pages_forget). */
enum sd_err pages_destroy(struct pages *pages, int64_t page, unsigned slot) {
    struct key_page *found;
    uint8_t *key;
    enum sd_err err = pages_flush(pages); /* the page must have a row */
    if (err == SD_OK)
        err = find_place(pages, page, slot, &found, &key);
    if (err)
        return err;
    explicit_bzero(key, KEY_BYTES);
    return give_new_key(pages, found);
}

static enum sd_err next_page(struct pages *pages, int64_t after, int64_t *ret, struct buf *key) {
    struct query q = db_query(pages->db, SQL_PAGE_WRAPPED);
    query_int(&q, after);
    bool there = query_row(&q);
    *ret = there ? query_get_int(&q, 0) : 0;
    if (there)
        buf_put(key, query_get(&q, 1));
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(key);
}

enum sd_err pages_rekey(struct pages *pages) {
    enum sd_err err = pages_flush(pages);
    pages_forget(pages);
    for (int64_t id = 0; err == SD_OK;) {
        struct buf unused SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEY_BYTES);
        struct key_page page = {0};
        err = next_page(pages, id, &id, &unused);
        if (err || id == 0)
            return err;
        err = page_load(pages, SQL_PAGE_GET, id, &page);
        if (err == SD_OK)
            err = give_new_key(pages, &page);
        page_free(&page);
    }
    return err;
}

static enum sd_err rewrap(struct pages *pages, int64_t id, struct span wrapped, const struct secret *next) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct buf again SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEY_BYTES);
    struct page_aad aad;
    struct span bound = page_aad(id, &aad);
    enum sd_err err = crypt_unwrap(secret_span(&pages->vault->vault), bound, wrapped, &key);
    if (err == SD_OK)
        err = crypt_wrap(secret_span(next), bound, secret_span(&key), &again);
    if (err)
        return err;
    struct query q = db_query(pages->db, SQL_PAGE_REWRAP);
    query_blob(&q, buf_span(&again));
    query_int(&q, id);
    return query_run(&q);
}

enum sd_err pages_rewrap(struct pages *pages, const struct secret *next) {
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(WRAPPED_KEY_BYTES);
    enum sd_err err = pages_flush(pages);
    for (int64_t id = 0; err == SD_OK;) {
        buf_reset(&wrapped);
        err = next_page(pages, id, &id, &wrapped);
        if (err || id == 0)
            return err;
        err = rewrap(pages, id, buf_span(&wrapped), next);
    }
    return err;
}

enum sd_err pages_count(struct pages *pages, int64_t *ret_pages, int64_t *ret_keys) {
    struct query q = db_query(pages->db, SQL_PAGE_COUNT);
    *ret_pages = *ret_keys = 0;
    if (query_row(&q)) {
        *ret_pages = query_get_int(&q, 0);
        *ret_keys = query_get_int(&q, 1);
    }
    return query_end(&q);
}
