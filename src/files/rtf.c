/* RTF (1.9.1), as tolerantly as Word reads it: objects, templates, fields. */
#include <string.h>

#include "files/judge.h"
#include "files/markup.h"
#include "files/ole.h"

#define WORD_MAX 32
#define FIELD_MAX 4096 /* of a field's instruction that is looked at */
#define NOWHERE UINT32_MAX

struct rtf {
    struct judge *judge;
    struct span s;
    size_t at;
    uint32_t depth;
    uint32_t object_depth, field_depth, template_depth; /* of the group that it is; NOWHERE: not in one */
    struct buf object, text;
    int nibble; /* the first half of a byte, -1: none */
};

/* An object of OLE 1 ([MS-OLEDS] 2.2.5): class, then what its class makes of it; obfuscated ones are found by their magic. */
static void judge_object(struct rtf *r, struct span object) {
    struct judge *j = r->judge;
    struct reader reader = reader_of(object);
    (void)read_u64(&reader);
    struct span class = read_blob(&reader, 256);
    (void)read_blob(&reader, reader.rest.n);
    (void)read_blob(&reader, reader.rest.n);
    judge_found(j, FINDING_BIT(EMBEDDED_OBJECT));
    if (span_isearch(span_sub(object, 0, 512), SPAN("OLE2Link")) < (object.n < 512 ? object.n : 512))
        judge_found(j, FINDING_BIT(EXTERNAL_TEMPLATE));
    if (reader.err == SD_OK && span_istarts(class, SPAN("Package")))
        ole_judge_native(j, reader.rest);
    size_t compound = span_search(object, SPAN("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
    if (compound < object.n && judge_entry(j))
        judge_content(j, SPAN_NONE, span_from(object, compound));
}

static void close_object(struct rtf *r) {
    if (r->object_depth == NOWHERE)
        return;
    r->object_depth = NOWHERE;
    if (judge_unpacked(r->judge, r->object.n))
        judge_object(r, buf_span(&r->object));
    buf_reset(&r->object);
}

static void close_text(struct rtf *r) {
    struct span text = span_trim(buf_span(&r->text));
    if (r->field_depth != NOWHERE && span_istarts(text, SPAN("DDE")))
        judge_found(r->judge, FINDING_BIT(DDE));
    if (r->template_depth != NOWHERE && markup_is_remote(text))
        judge_found(r->judge, FINDING_BIT(EXTERNAL_TEMPLATE));
    r->field_depth = r->template_depth = NOWHERE;
    buf_reset(&r->text);
}

static void close_group(struct rtf *r) {
    if (r->object_depth != NOWHERE && r->depth <= r->object_depth)
        close_object(r);
    if ((r->field_depth != NOWHERE && r->depth <= r->field_depth) ||
        (r->template_depth != NOWHERE && r->depth <= r->template_depth))
        close_text(r);
    if (r->depth > 0)
        r->depth--;
}

static int hex_digit(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static void take_character(struct rtf *r, uint8_t c) {
    int digit = hex_digit(c);
    if (r->object_depth != NOWHERE && digit >= 0) {
        if (r->nibble < 0)
            r->nibble = digit;
        else {
            buf_byte(&r->object, (uint8_t)(r->nibble << 4 | digit));
            r->nibble = -1;
        }
    }
    if ((r->field_depth != NOWHERE || r->template_depth != NOWHERE) && c != '\r' && c != '\n' && r->text.n < FIELD_MAX)
        buf_byte(&r->text, c);
}

static void take_word(struct rtf *r, const char *word, size_t number) {
    static const char *const objects[] = {"objocx", "objupdate", "objautlink", "objlink"};
    for (size_t i = 0; i < SD_COUNT(objects); i++)
        if (strcmp(word, objects[i]) == 0)
            judge_found(r->judge, FINDING_BIT(EMBEDDED_OBJECT));
    if (strcmp(word, "objdata") == 0) {
        close_object(r);
        r->object_depth = r->depth;
        r->nibble = -1;
    } else if (strcmp(word, "fldinst") == 0) {
        close_text(r);
        r->field_depth = r->depth;
    } else if (strcmp(word, "template") == 0) {
        close_text(r);
        r->template_depth = r->depth;
    } else if (strcmp(word, "bin") == 0) {
        struct span data = span_sub(r->s, r->at, number);
        if (r->object_depth != NOWHERE)
            buf_put(&r->object, data);
        r->at += data.n;
    }
}

/* Behind a backslash: a word of letters with a number, or one sign. */
static void take_control(struct rtf *r) {
    struct span s = r->s;
    char word[WORD_MAX + 1];
    size_t n = 0, number = 0;
    if (r->at >= s.n)
        return;
    if ((s.p[r->at] | 0x20) < 'a' || (s.p[r->at] | 0x20) > 'z') {
        bool hex = s.p[r->at] == '\'';
        r->at += hex ? 3 : 1;
        return;
    }
    for (; r->at < s.n && (s.p[r->at] | 0x20) >= 'a' && (s.p[r->at] | 0x20) <= 'z'; r->at++)
        if (n < WORD_MAX)
            word[n++] = (char)s.p[r->at];
    word[n] = 0;
    if (r->at < s.n && s.p[r->at] == '-')
        r->at++;
    for (size_t digits = 0; r->at < s.n && s.p[r->at] >= '0' && s.p[r->at] <= '9'; r->at++)
        if (digits++ < 9)
            number = number * 10 + (s.p[r->at] - '0');
    if (r->at < s.n && s.p[r->at] == ' ')
        r->at++;
    take_word(r, word, number);
}

void rtf_judge(struct judge *j, struct span content) {
    struct rtf r = {
        .judge = j, .s = content, .object_depth = NOWHERE, .field_depth = NOWHERE, .template_depth = NOWHERE, .nibble = -1};
    r.object = buf_new(content.n + 1);
    r.text = buf_new(FIELD_MAX);
    for (unsigned steps = 1; r.at < content.n && (steps % 65536 || judge_goes_on(j)); steps++) {
        uint8_t c = content.p[r.at++];
        if (c == '{')
            r.depth++;
        else if (c == '}')
            close_group(&r);
        else if (c == '\\')
            take_control(&r);
        else
            take_character(&r, c);
    }
    close_object(&r);
    close_text(&r);
    if (buf_err(&r.object) == SD_ERR_NOMEM)
        judge_fail(j, SD_ERR_NOMEM);
    buf_free(&r.object);
    buf_free(&r.text);
}
