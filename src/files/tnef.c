/* TNEF, Outlook's winmail.dat ([MS-OXTNEF]): attributes one after another; an attachment begins with its rendering data. */
#include "files/judge.h"

#define ATTACH_RENDER 0x9002
#define ATTACH_TITLE 0x8010
#define ATTACH_DATA 0x800f
#define ATTACH_PROPERTIES 0x9005
#define PROPERTY_DATA 0x3701
#define PROPERTY_LONG_NAME 0x3707
#define TYPE_UNICODE 0x1f
#define TYPE_STRING 0x1e
#define TYPE_OBJECT 0x0d
#define TYPE_BINARY 0x102
#define MULTIPLE 0x1000
#define NAMED 0x8000
#define GUID_BYTES 16
#define PROPERTY_NAME_MAX 512

struct tnef {
    struct judge *judge;
    struct span title, data, object; /* of the attachment under way */
    char name[PROPERTY_NAME_MAX];
    size_t name_n;
};

static void finish_attachment(struct tnef *t) {
    struct judge *j = t->judge;
    struct span name = t->name_n ? span_of(t->name, t->name_n) : t->title;
    struct span title = t->title;
    while (title.n && title.p[title.n - 1] == 0)
        title.n--;
    const struct span contents[] = {t->data, t->object};
    for (size_t i = 0; i < SD_COUNT(contents); i++)
        if (contents[i].n && judge_entry(j))
            judge_file(j,
                       &(struct files_subject){.content = contents[i], .name = t->name_n ? name : title, .other_name = title});
    t->title = t->data = t->object = SPAN_NONE;
    t->name_n = 0;
}

/* How long a value of a type is; 0: its length stands before it. */
static size_t fixed_bytes(uint16_t type) {
    switch (type & ~MULTIPLE) {
    case 2:
    case 3:
    case 4:
    case 10:
    case 11:
        return 4;
    case 5:
    case 6:
    case 7:
    case 20:
    case 64:
        return 8;
    case 72:
        return GUID_BYTES;
    default:
        return 0;
    }
}

static void skip_padded(struct reader *r, size_t n) {
    size_t padded = (n + 3) & ~(size_t)3;
    (void)read_bytes(r, padded < r->rest.n ? padded : r->rest.n);
}

static void skip_property_name(struct reader *r) {
    (void)read_bytes(r, GUID_BYTES);
    if (read_u32(r) == 0)
        (void)read_u32(r);
    else
        skip_padded(r, read_u32(r));
}

static void take_property(struct tnef *t, uint16_t id, uint16_t type, struct span value) {
    if (id == PROPERTY_DATA && type == TYPE_OBJECT)
        t->object = span_from(value, GUID_BYTES);
    if (id == PROPERTY_DATA && type == TYPE_BINARY)
        t->object = value;
    if (id != PROPERTY_LONG_NAME || (type != TYPE_UNICODE && type != TYPE_STRING))
        return;
    t->name_n = 0;
    for (size_t i = 0; i < value.n && t->name_n < sizeof t->name; i++)
        if (value.p[i])
            t->name[t->name_n++] = (char)value.p[i];
}

static void read_properties(struct tnef *t, struct span attribute) {
    struct reader r = reader_of(attribute);
    uint32_t count = read_u32(&r);
    for (uint32_t i = 0; i < count && r.rest.n && !r.err; i++) {
        uint16_t type = read_u16(&r), id = read_u16(&r);
        size_t fixed = fixed_bytes(type);
        if (id >= NAMED)
            skip_property_name(&r);
        uint32_t values = !fixed || type & MULTIPLE ? read_u32(&r) : 1;
        for (uint32_t k = 0; k < values && !r.err; k++) {
            size_t n = fixed ? fixed : read_u32(&r);
            struct span value = span_sub(r.rest, 0, n);
            skip_padded(&r, n);
            take_property(t, id, type, value);
            if (!r.rest.n)
                break;
        }
    }
}

static void take_attribute(struct tnef *t, uint16_t id, struct span data) {
    switch (id) {
    case ATTACH_RENDER:
        finish_attachment(t);
        break;
    case ATTACH_TITLE:
        t->title = data;
        break;
    case ATTACH_DATA:
        t->data = data;
        break;
    case ATTACH_PROPERTIES:
        read_properties(t, data);
        break;
    default:
        break;
    }
}

void tnef_judge(struct judge *j, struct span content) {
    struct tnef t = {.judge = j};
    struct reader r = reader_of(span_from(content, 6));
    while (r.rest.n >= 11 && judge_goes_on(j)) {
        (void)read_u8(&r);
        uint32_t tag = read_u32(&r), n = read_u32(&r);
        struct span data = span_sub(r.rest, 0, n);
        if (data.n < n)
            judge_found(j, FINDING_BIT(DAMAGED));
        (void)read_bytes(&r, data.n);
        (void)read_u16(&r);
        take_attribute(&t, (uint16_t)tag, data);
    }
    finish_attachment(&t);
}
