/* S/MIME's containers (RFC 5652): an opaque signature holds a message, an envelope is encrypted. BER, only as far as the
 * content. */
#include "files/judge.h"

#define TAG_OID 0x06
#define TAG_SEQUENCE 0x30
#define TAG_EXPLICIT 0xa0
#define TAG_STRING 0x04
#define TAG_STRING_CHUNKS 0x24
#define CHUNKS_MAX 100000

struct ber {
    uint8_t tag;
    struct span content; /* of indefinite length: all that follows */
    bool indefinite;
};

static bool ber_read(struct span *rest, struct ber *ret) {
    struct reader r = reader_of(*rest);
    struct ber b = {.tag = read_u8(&r)};
    size_t n = read_u8(&r);
    if (n == 0x80) {
        b.indefinite = true;
        n = r.rest.n;
    } else if (n > 0x80) {
        size_t bytes = n & 0x7f;
        for (n = 0; bytes > 0 && n <= UINT32_MAX; bytes--)
            n = n << 8 | read_u8(&r);
    }
    if (r.err || n > r.rest.n)
        return false;
    b.content = span_sub(r.rest, 0, n);
    *rest = span_from(r.rest, n);
    *ret = b;
    return true;
}

/* The inside of the next element, when it has this tag. */
static bool ber_enter(struct span *rest, uint8_t tag) {
    struct ber b;
    if (!ber_read(rest, &b) || b.tag != tag)
        return false;
    *rest = b.content;
    return true;
}

static bool ber_skip(struct span *rest, struct ber *ret) {
    return ber_read(rest, ret) && !ret->indefinite;
}

static void judge_message(struct judge *j, struct span content) {
    if (judge_entry(j) && judge_unpacked(j, content.n))
        judge_file(j, &(struct files_subject){.content = content, .type = SPAN("message/rfc822")});
}

/* The signed message: one string, or one in chunks. */
static void judge_string(struct judge *j, struct span rest) {
    struct buf whole SD_CLEANUP(buf_free) = buf_new(rest.n + 1);
    struct ber b;
    if (!ber_read(&rest, &b))
        judge_found(j, FINDING_BIT(DAMAGED));
    else if (b.tag == TAG_STRING)
        judge_message(j, b.content);
    else if (b.tag == TAG_STRING_CHUNKS) {
        struct ber chunk;
        for (unsigned i = 0; i < CHUNKS_MAX && ber_read(&b.content, &chunk) && chunk.tag == TAG_STRING; i++)
            buf_put(&whole, chunk.content);
        if (buf_err(&whole) != SD_OK)
            judge_fail(j, buf_err(&whole));
        else
            judge_message(j, buf_span(&whole));
    }
}

static void judge_signed(struct judge *j, struct span rest) {
    struct ber skipped;
    bool found = ber_enter(&rest, TAG_EXPLICIT) && ber_enter(&rest, TAG_SEQUENCE) && ber_skip(&rest, &skipped) &&
                 ber_skip(&rest, &skipped) && ber_enter(&rest, TAG_SEQUENCE) && ber_skip(&rest, &skipped);
    if (!found)
        judge_found(j, FINDING_BIT(DAMAGED));
    else if (rest.n && rest.p[0] == TAG_EXPLICIT && ber_enter(&rest, TAG_EXPLICIT))
        judge_string(j, rest);
}

void cms_judge(struct judge *j, struct span content) {
    static const char pkcs7[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    struct span rest = content, prefix = span_of(pkcs7, sizeof pkcs7 - 1);
    struct ber oid;
    if (!ber_enter(&rest, TAG_SEQUENCE) || !ber_skip(&rest, &oid) || oid.tag != TAG_OID) {
        judge_found(j, FINDING_BIT(DAMAGED));
        return;
    }
    uint8_t kind = span_starts(oid.content, prefix) && oid.content.n == prefix.n + 1 ? oid.content.p[prefix.n] : 0;
    if (kind == 2)
        judge_signed(j, rest);
    else
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE)); /* enveloped, encrypted, or of a kind that is not looked into */
}
