/* Address lists (RFC 5322 §3.4, §4.4) and the author. Linear: every byte is read at most three times. */
#include "mail/address.h"

#include "core/limits.h"
#include "mail/header.h"
#include "mail/mailbox.h"
#include "mail/words.h"

struct reader_of_list {
    struct lex x;
    struct arena *arena;
    struct mail_address *items;
    size_t count;
    size_t max;
    bool in_group;
    bool any_group;
};

/* Words of a phrase, dots (RFC 5322 §4.1 obs-phrase), comments; stops at the first thing that is none. */
static enum sd_err skip_phrase(struct lex *x, struct span *ret_comment) {
    for (;;) {
        enum sd_err err = lex_cfws(x, ret_comment);
        if (err)
            return err;
        int c = lex_peek(x);
        struct span inner;
        if (c == '"')
            err = lex_quoted(x, &inner);
        else if (c == '.')
            x->at++;
        else if (lex_while(x, lex_is_atext).n == 0)
            return SD_OK;
        if (err)
            return err;
    }
}

/* The phrase without comments, quotes and doubled white space; encoded words still encoded. */
static void put_phrase(struct span phrase, struct buf *to) {
    struct lex x = lex_of(phrase);
    bool space = false;
    while (!lex_end(&x)) {
        struct span inner;
        size_t start = x.at;
        if (lex_cfws(&x, NULL) != SD_OK)
            return;
        space = space || x.at > start;
        if (lex_end(&x))
            return;
        if (space && to->n)
            buf_byte(to, ' ');
        space = false;
        if (lex_peek(&x) == '"' && lex_quoted(&x, &inner) == SD_OK)
            lex_put_unescaped(inner, to);
        else
            buf_byte(to, phrase.p[x.at++]);
    }
}

static struct span display_of(struct span phrase, struct span comment, struct arena *arena) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    mail_ambiguities seen = 0;
    put_phrase(phrase, &b);
    if (b.n == 0) /* "address (name)", the form before RFC 822 */
        lex_put_unescaped(comment, &b);
    return b.n ? words_decode_arena(buf_span(&b), LIMIT_SUBJECT_BYTES, arena, &seen) : SPAN_NONE;
}

/* After the opening bracket. Source routes (RFC 5322 §4.4 obs-route) name several domains, so they have no one reading. */
static enum sd_err read_angle(struct reader_of_list *r, struct mail_address *ret) {
    enum sd_err err = lex_cfws(&r->x, NULL);
    if (err == SD_OK)
        err = mailbox_read(&r->x, r->arena, ret);
    if (err == SD_OK)
        err = lex_cfws(&r->x, NULL);
    if (err == SD_OK && !lex_take(&r->x, '>'))
        err = SD_ERR_PARSE;
    return err;
}

/*
 * An address without brackets, or one that stands as name before itself in brackets (a@b <a@b>): not of the grammar, but sent
 * often, and every reading gives the same author.
 */
static enum sd_err read_bare(struct reader_of_list *r, size_t start, struct mail_address *ret) {
    struct span comment = SPAN_NONE;
    r->x.at = start;
    enum sd_err err = mailbox_read(&r->x, r->arena, ret);
    if (err == SD_OK)
        err = lex_cfws(&r->x, &comment);
    if (err)
        return err;
    if (!lex_take(&r->x, '<')) {
        ret->display = display_of(SPAN_NONE, comment, r->arena);
        return SD_OK;
    }
    struct mail_address name = *ret;
    err = read_angle(r, ret);
    if (err)
        return err;
    ret->display = name.address;
    return span_ieq(name.address, ret->address) ? SD_OK : SD_ERR_PARSE;
}

static enum sd_err add(struct reader_of_list *r, struct mail_address address) {
    if (r->count == r->max)
        return SD_ERR_LIMIT;
    r->items[r->count++] = address;
    enum sd_err err = lex_cfws(&r->x, NULL);
    int c = lex_peek(&r->x);
    if (err == SD_OK && c != -1 && c != ',' && !(c == ';' && r->in_group))
        err = SD_ERR_PARSE;
    return err;
}

/* One mailbox or the name of a group; nothing is read where the list has an empty element (RFC 5322 §4.4). */
static enum sd_err read_element(struct reader_of_list *r) {
    struct span comment = SPAN_NONE;
    size_t start = r->x.at;
    enum sd_err err = skip_phrase(&r->x, &comment);
    if (err)
        return err;
    struct span phrase = span_sub(r->x.s, start, r->x.at - start);
    struct mail_address address = {.display = SPAN_NONE};
    if (lex_take(&r->x, '<')) {
        err = read_angle(r, &address);
        address.display = display_of(phrase, comment, r->arena);
        return err ? err : add(r, address);
    }
    if (lex_peek(&r->x) == '@') {
        err = read_bare(r, start, &address);
        return err ? err : add(r, address);
    }
    struct lex words = lex_of(phrase);
    if (lex_cfws(&words, NULL) == SD_OK && lex_end(&words))
        return SD_OK;
    if (r->in_group || !lex_take(&r->x, ':'))
        return SD_ERR_PARSE;
    r->in_group = r->any_group = true;
    return SD_OK;
}

static enum sd_err read_list(struct reader_of_list *r) {
    while (!lex_end(&r->x)) {
        bool was_in_group = r->in_group;
        enum sd_err err = read_element(r);
        if (err)
            return err;
        if (r->in_group && !was_in_group)
            continue; /* a group's first member follows its colon */
        if (r->in_group && lex_take(&r->x, ';')) {
            r->in_group = false;
            err = lex_cfws(&r->x, NULL);
            if (err)
                return err;
        }
        if (!lex_end(&r->x) && !lex_take(&r->x, ','))
            return SD_ERR_PARSE;
    }
    return r->in_group ? SD_ERR_PARSE : SD_OK;
}

static bool has_control(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 0x20 && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n') || s.p[i] == 0x7f)
            return true;
    return false;
}

enum sd_err address_list(struct span field_body, struct arena *arena, struct mail_address_list *ret, bool *ret_group) {
    struct reader_of_list r = {.x = lex_of(field_body), .arena = arena};
    for (size_t i = 0; i < field_body.n && r.max < LIMIT_ADDRESSES; i++)
        r.max += field_body.p[i] == '@';
    r.items = arena_array(arena, r.max, sizeof(struct mail_address));
    if (!r.items)
        return arena_err(arena);
    enum sd_err err = has_control(field_body) ? SD_ERR_PARSE : read_list(&r);
    if (err == SD_OK)
        err = arena_err(arena);
    if (err)
        return err;
    *ret = (struct mail_address_list){r.items, r.count};
    *ret_group = r.any_group;
    return SD_OK;
}

enum sd_err mail_parse_addresses(struct span field_body, struct arena *arena, struct mail_address_list *ret) {
    bool group;
    return address_list(field_body, arena, ret, &group);
}

/* What is read from one From field; several and group are ambiguities of their own (RFC 6854 allows them, DMARC does not). */
static enum sd_err read_author(struct span body, struct arena *arena, struct mail_address *ret, mail_ambiguities *seen) {
    struct mail_address_list list = {.count = 0};
    bool group = false;
    enum sd_err err = address_list(body, arena, &list, &group);
    if (err == SD_ERR_NOMEM || arena_err(arena))
        return err;
    if (has_control(body))
        *seen |= AMBIGUITY(FROM_CONTROL);
    if (err || group || list.count == 0)
        *seen |= AMBIGUITY(FROM_SYNTAX);
    else if (list.count > 1)
        *seen |= AMBIGUITY(FROM_SEVERAL);
    if (err || group || list.count != 1)
        return SD_ERR_PARSE;
    *ret = list.items[0];
    return SD_OK;
}

enum sd_err address_check_from(const struct mail_header *h, struct arena *arena, mail_ambiguities *ambiguities) {
    const struct mail_field *from = mail_field_first(h, SPAN("From"));
    struct mail_address author;
    if (!from) {
        *ambiguities |= AMBIGUITY(FROM_MISSING);
        return SD_OK;
    }
    if (mail_field_count(h, SPAN("From")) > 1)
        *ambiguities |= AMBIGUITY(FROM_REPEATED);
    enum sd_err err = read_author(from->body, arena, &author, ambiguities);
    return err == SD_ERR_NOMEM || arena_err(arena) ? err : SD_OK;
}

enum sd_err mail_from(const struct mail_message *m, struct mail_address *ret) {
    const struct mail_field *from = mail_field_first(&m->header, SPAN("From"));
    mail_ambiguities seen = 0;
    if (!from || mail_field_count(&m->header, SPAN("From")) > 1)
        return SD_ERR_PARSE;
    return read_author(from->body, m->arena, ret, &seen);
}
