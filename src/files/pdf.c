/*
 * PDF (ISO 32000): names that act, wherever they stand. The cross-reference is not believed: every object that a tolerant
 * reader could reach is looked at, and object streams are inflated. Streams' data is skipped, unless objects end within it.
 */
#include <stdio.h>

#include "files/judge.h"

#define NAME_MAX_BYTES 48
#define STRING_MAX ((size_t)32 * 1024) /* longer ones are looked into as if they were none */
#define FOLLOW_BYTES 512               /* of an action that /OpenAction refers to */
#define OPEN_ACTIONS_MAX 16            /* a catalog has one; each is searched for */
#define ENDS_BYTES ((size_t)16 * 1024)
#define INFLATE_SLACK ((size_t)128 * 1024)

/* What the dictionary before a stream said. */
struct pdf_dictionary {
    bool object_stream, flate, other_filter, predictor, embedded, image, has_length;
    size_t length;
};

struct pdf {
    struct judge *judge;
    struct unpacking unpacking;
    struct span whole;
    struct pdf_dictionary dictionary;
    bool forms, embeds, encrypted;          /* XFA; an embedded file is named */
    unsigned embedded_count, invoice_count; /* files within; those that only repeat the page's invoice */
    unsigned open_actions;
    size_t next_endstream, next_endobj; /* where they were last found: each is searched for once */
    size_t no_string_before;            /* an unclosed one was tried from here on */
    unsigned inside;                    /* object streams do not hold streams */
};

static bool is_white(uint8_t c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0;
}

static bool is_delimiter(uint8_t c) {
    return is_white(c) || c == '/' || c == '<' || c == '>' || c == '[' || c == ']' || c == '(' || c == ')' || c == '{' ||
           c == '}' || c == '%';
}

static int hex_digit(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The name behind the slash at s.p[i], with #xx resolved (ISO 32000 7.3.5). Returns where it ends. */
static size_t read_name(struct span s, size_t i, char *to, size_t *ret_n) {
    size_t n = 0;
    for (i++; i < s.n && !is_delimiter(s.p[i]); i++) {
        int c = s.p[i];
        if (c == '#' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
            c = hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2]);
            i += 2;
        }
        if (n < NAME_MAX_BYTES)
            to[n++] = (char)c;
    }
    *ret_n = n;
    return i;
}

/* Names that mean something here. X(spelling, meaning) */
#define PDF_NAME_LIST(X)                                                                                                       \
    X("JavaScript", SCRIPT)                                                                                                    \
    X("JS", SCRIPT)                                                                                                            \
    X("Launch", ACTION)                                                                                                        \
    X("SubmitForm", ACTION)                                                                                                    \
    X("ImportData", ACTION)                                                                                                    \
    X("GoToR", ACTION)                                                                                                         \
    X("GoToE", ACTION)                                                                                                         \
    X("RichMedia", ACTION)                                                                                                     \
    X("RichMediaExecute", ACTION)                                                                                              \
    X("OpenAction", OPEN_ACTION)                                                                                               \
    X("EmbeddedFiles", EMBEDS)                                                                                                 \
    X("EF", EMBEDS)                                                                                                            \
    X("EmbeddedFile", EMBEDDED)                                                                                                \
    X("XFA", FORMS)                                                                                                            \
    X("Encrypt", ENCRYPT)                                                                                                      \
    X("ObjStm", OBJECT_STREAM)                                                                                                 \
    X("First", OBJECT_STREAM)                                                                                                  \
    X("FlateDecode", FLATE)                                                                                                    \
    X("Fl", FLATE)                                                                                                             \
    X("LZWDecode", OTHER_FILTER)                                                                                               \
    X("LZW", OTHER_FILTER)                                                                                                     \
    X("ASCII85Decode", OTHER_FILTER)                                                                                           \
    X("A85", OTHER_FILTER)                                                                                                     \
    X("ASCIIHexDecode", OTHER_FILTER)                                                                                          \
    X("AHx", OTHER_FILTER)                                                                                                     \
    X("RunLengthDecode", OTHER_FILTER)                                                                                         \
    X("RL", OTHER_FILTER)                                                                                                      \
    X("Crypt", OTHER_FILTER)                                                                                                   \
    X("Predictor", PREDICTOR)                                                                                                  \
    X("Image", IMAGE)                                                                                                          \
    X("Length", LENGTH)

enum pdf_meaning {
    MEANS_NOTHING,
    MEANS_SCRIPT,
    MEANS_ACTION,
    MEANS_OPEN_ACTION,
    MEANS_EMBEDS,
    MEANS_EMBEDDED,
    MEANS_FORMS,
    MEANS_ENCRYPT,
    MEANS_OBJECT_STREAM,
    MEANS_FLATE,
    MEANS_OTHER_FILTER,
    MEANS_PREDICTOR,
    MEANS_IMAGE,
    MEANS_LENGTH,
};

static enum pdf_meaning meaning_of(struct span name) {
    static const struct {
        struct span name;
        enum pdf_meaning meaning;
    } names[] = {
#define X(spelling, meaning) {{(const uint8_t *)(spelling), sizeof(spelling) - 1}, MEANS_##meaning},
        PDF_NAME_LIST(X)
#undef X
    };
    for (size_t i = 0; name.n && i < SD_COUNT(names); i++)
        if (names[i].name.n == name.n && names[i].name.p[0] == name.p[0] && span_eq(names[i].name, name))
            return names[i].meaning;
    return MEANS_NOTHING;
}

static size_t read_number(struct span s, size_t *ret) {
    size_t i = 0, v = 0;
    while (i < s.n && is_white(s.p[i]))
        i++;
    size_t start = i;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && i - start < 10; i++)
        v = v * 10 + (s.p[i] - '0');
    *ret = v;
    return i == start ? 0 : i;
}

/* A link followed by itself: /OpenAction with an action in place, or by reference. */
static void judge_open_action(struct pdf *pdf, struct span after) {
    size_t number, generation, n = read_number(after, &number);
    if (pdf->open_actions++ >= OPEN_ACTIONS_MAX)
        return;
    struct span action = span_sub(after, 0, FOLLOW_BYTES);
    if (n) {
        char head[48];
        size_t n2 = read_number(span_from(after, n), &generation);
        int length = snprintf(head, sizeof head, "\n%zu %zu obj", number, generation);
        size_t at = span_search(pdf->whole, span_of(head, (size_t)length));
        action = n2 && at < pdf->whole.n ? span_sub(pdf->whole, at, FOLLOW_BYTES) : SPAN_NONE;
    }
    action = span_sub(action, 0, span_search(action, SPAN("endobj")));
    size_t end = n ? action.n : span_search(action, SPAN(">>"));
    action = span_sub(action, 0, end);
    if (span_search(action, SPAN("/URI")) < action.n)
        judge_found(pdf->judge, FINDING_BIT(PDF_ACTION));
}

/* A number that is not the first of a reference. */
static void read_length(struct pdf_dictionary *d, struct span after) {
    size_t n = read_number(after, &d->length);
    struct span rest = span_from(after, n);
    size_t generation, n2 = read_number(rest, &generation);
    rest = span_from(rest, n2);
    while (n2 && rest.n && is_white(rest.p[0]))
        rest = span_from(rest, 1);
    d->has_length = n && !(n2 && rest.n && rest.p[0] == 'R');
}

static void judge_name(struct pdf *pdf, struct span name, struct span after) {
    struct pdf_dictionary *d = &pdf->dictionary;
    switch (meaning_of(name)) {
    case MEANS_NOTHING:
        break;
    case MEANS_SCRIPT:
        judge_found(pdf->judge, FINDING_BIT(PDF_SCRIPT));
        break;
    case MEANS_ACTION:
        judge_found(pdf->judge, FINDING_BIT(PDF_ACTION));
        break;
    case MEANS_OPEN_ACTION:
        judge_open_action(pdf, after);
        break;
    case MEANS_EMBEDDED:
        d->embedded = true;
        pdf->embeds = true;
        break;
    case MEANS_EMBEDS:
        pdf->embeds = true;
        break;
    case MEANS_FORMS:
        pdf->forms = true;
        break;
    case MEANS_ENCRYPT:
        pdf->encrypted = true;
        break;
    case MEANS_OBJECT_STREAM:
        d->object_stream = true;
        break;
    case MEANS_FLATE:
        d->flate = true;
        break;
    case MEANS_OTHER_FILTER:
        d->other_filter = true;
        break;
    case MEANS_PREDICTOR:
        d->predictor = true;
        break;
    case MEANS_IMAGE:
        d->image = true;
        break;
    case MEANS_LENGTH:
        read_length(d, after);
        break;
    }
}

/* Where the string that opens at i closes; i when it does not, or when objects end within it. */
static size_t string_end(struct span s, size_t i) {
    size_t depth = 0;
    struct span text = span_sub(s, i, STRING_MAX);
    for (size_t k = 0; k < text.n; k++) {
        uint8_t c = text.p[k];
        if (c == '\\')
            k++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0) {
            text = span_sub(text, 0, k);
            return span_search(text, SPAN("endobj")) < text.n ? i : i + k;
        }
    }
    return i;
}

static size_t skip_string(struct pdf *pdf, struct span s, size_t i) {
    size_t end = i < pdf->no_string_before ? i : string_end(s, i);
    if (end == i && i >= pdf->no_string_before)
        pdf->no_string_before = i + STRING_MAX;
    return end;
}

static void scan(struct pdf *pdf, struct span s);

/* Electronic invoices (ZUGFeRD, Factur-X) hold what the page shows once more as XML: that is no finding. */
static void judge_embedded(struct pdf *pdf, struct span content) {
    struct judge *j = pdf->judge;
    uint64_t before = j->findings;
    struct span head = span_sub(content, 0, 4096);
    pdf->embedded_count++;
    if (!judge_entry(j))
        return;
    judge_content(j, SPAN_NONE, content);
    bool invoice = span_search(head, SPAN("CrossIndustry")) < head.n && format_of(content) == FORMAT_XML;
    pdf->invoice_count += invoice && j->findings == before;
}

static void judge_unpacked_stream(struct pdf *pdf, struct span content, const struct pdf_dictionary *d) {
    if (d->object_stream && !pdf->inside) {
        size_t strings = pdf->no_string_before;
        pdf->inside++;
        pdf->no_string_before = 0;
        scan(pdf, content);
        pdf->no_string_before = strings;
        pdf->inside--;
    }
    if (d->embedded)
        judge_embedded(pdf, content);
    if (pdf->forms && !d->image && span_search(content, SPAN("<script")) < content.n)
        judge_found(pdf->judge, FINDING_BIT(PDF_SCRIPT));
}

static void judge_stream(struct pdf *pdf, struct span data, const struct pdf_dictionary *d) {
    struct judge *j = pdf->judge;
    struct unpacking *u = &pdf->unpacking;
    if ((!d->object_stream && !d->embedded && (!pdf->forms || d->image)) || pdf->encrypted || !judge_goes_on(j))
        return;
    if (d->other_filter || (d->flate && d->predictor)) {
        judge_found(j, d->object_stream || d->embedded ? FINDING_BIT(DAMAGED) : 0); /* hidden in a way that nobody needs */
        return;
    }
    if (!d->flate) {
        judge_unpacked_stream(pdf, data, d);
        return;
    }
    u->packed = data.n;
    u->unpacked = 0;
    struct buf content SD_CLEANUP(buf_free) = buf_new((size_t)unpacking_room(u) + INFLATE_SLACK);
    bool whole = unpacking_inflate(u, data, INFLATE_ZLIB, &content);
    if (!whole && content.n == 0 && judge_goes_on(j) && (d->object_stream || d->embedded))
        judge_found(j, FINDING_BIT(DAMAGED));
    if (judge_goes_on(j))
        judge_unpacked_stream(pdf, buf_span(&content), d);
}

/* The next occurrence at or behind `at`; *known is where it was found before. */
static size_t next_of(struct span s, size_t at, struct span what, size_t *known) {
    if (*known < at)
        *known = at + span_search(span_from(s, at), what);
    return *known;
}

/* At the keyword "stream": looks into its data and says where to go on. */
static size_t read_stream(struct pdf *pdf, struct span s, size_t i) {
    struct pdf_dictionary d = pdf->dictionary;
    size_t at = i + 6;
    at += at < s.n && s.p[at] == '\r';
    at += at < s.n && s.p[at] == '\n';
    size_t end = next_of(s, at, SPAN("endstream"), &pdf->next_endstream);
    if (d.has_length && d.length <= s.n - at) {
        struct span tail = span_trim(span_sub(s, at + d.length, 16));
        end = span_starts(tail, SPAN("endstream")) ? at + d.length : end;
    }
    pdf->dictionary = (struct pdf_dictionary){.length = 0};
    judge_stream(pdf, span_sub(s, at, end - at), &d);
    return end < s.n && next_of(s, at, SPAN("endobj"), &pdf->next_endobj) >= end ? end : at;
}

static bool at_keyword(struct span s, size_t i, struct span word) {
    return span_eq(span_sub(s, i, word.n), word);
}

/* long: one branch per kind of token, and each says where the next one begins */
static void scan(struct pdf *pdf, struct span s) {
    char name[NAME_MAX_BYTES];
    size_t n;
    for (size_t i = 0, tokens = 0; i < s.n; i++) {
        if (++tokens % 65536 == 0 && !judge_goes_on(pdf->judge))
            return;
        switch (s.p[i]) {
        case '%':
            while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
                i++;
            break;
        case '(':
            i = skip_string(pdf, s, i);
            break;
        case '/':
            i = read_name(s, i, name, &n);
            judge_name(pdf, span_of(name, n), span_from(s, i));
            i--;
            break;
        case 's':
            if (!pdf->inside && at_keyword(s, i, SPAN("stream")) && i + 6 < s.n && (s.p[i + 6] == '\r' || s.p[i + 6] == '\n'))
                i = read_stream(pdf, s, i) - 1;
            break;
        case 'e':
            if (at_keyword(s, i, SPAN("endobj")))
                pdf->dictionary = (struct pdf_dictionary){.length = 0};
            else if (at_keyword(s, i, SPAN("endstream")))
                i += 8;
            break;
        default:
            break;
        }
    }
}

static bool has(struct span s, struct span what) {
    return span_search(s, what) < s.n;
}

/* Trailers stand at the end, of linearised files at the beginning too. */
static bool near_ends(struct span s, struct span what) {
    return has(span_sub(s, 0, ENDS_BYTES), what) || has(span_from(s, s.n > ENDS_BYTES ? s.n - ENDS_BYTES : 0), what);
}

void pdf_judge(struct judge *j, struct span content) {
    struct pdf pdf = {.judge = j, .unpacking = {.judge = j}, .whole = content};
    pdf.encrypted = near_ends(content, SPAN("/Encrypt ")) || near_ends(content, SPAN("/Encrypt<<"));
    scan(&pdf, content);
    if (pdf.forms) { /* now that it is known: scripts stand in the form's streams */
        pdf.next_endstream = pdf.next_endobj = pdf.no_string_before = 0;
        scan(&pdf, content);
    }
    if (pdf.encrypted)
        judge_found(j, FINDING_BIT(ENCRYPTED_FILE));
    if (pdf.embeds && !(pdf.embedded_count && pdf.invoice_count == pdf.embedded_count))
        judge_found(j, FINDING_BIT(PDF_EMBEDDED));
    bool finished = near_ends(content, SPAN("startxref")) || has(content, SPAN("startxref")) || has(content, SPAN("trailer"));
    if (!finished && judge_goes_on(j))
        judge_found(j, FINDING_BIT(DAMAGED)); /* cut off, or never finished */
}
