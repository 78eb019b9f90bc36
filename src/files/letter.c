/* Messages within: message/rfc822, mailboxes, files uuencoded in text. */
#include "core/limits.h"
#include "files/judge.h"
#include "mail/mail.h"

#define LETTER_ARENA_BYTES ((size_t)64 * 1024 * 1024)
#define UU_NAME_MAX 255

/* Who wrote a message within a message is nobody's worry: only what would show another program another attachment is. */
static bool is_structural(mail_ambiguities seen) {
    return mail_ambiguity_of_parts(seen) || mail_ambiguity_of_names(seen);
}

static void judge_part(struct judge *j, const struct mail_part *part) {
    struct buf content SD_CLEANUP(buf_free) = buf_new(part->body.n + LIMIT_MESSAGE_BYTES);
    mail_ambiguities seen = 0;
    if (part->is_multipart || part->is_message || !judge_entry(j))
        return;
    enum sd_err err = mail_decode_body(part, &content, &seen);
    if (err == SD_ERR_NOMEM) {
        judge_fail(j, err);
        return;
    }
    if (is_structural(seen))
        judge_found(j, FINDING_BIT(AMBIGUOUS));
    if (!judge_unpacked(j, content.n))
        return;
    if (!part->is_attachment && span_istarts(part->type, SPAN("text/")))
        uu_judge(j, buf_span(&content));
    else
        judge_file(j,
                   &(struct files_subject){
                       .content = buf_span(&content), .name = part->name, .other_name = part->other_name, .type = part->type});
}

static void judge_letter(struct judge *j, struct span letter) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(LETTER_ARENA_BYTES);
    struct mail_message m;
    enum sd_err err = arena ? mail_parse(letter, arena, &m) : SD_ERR_NOMEM;
    if (err == SD_ERR_LIMIT)
        judge_found(j, FINDING_BIT(LIMIT_ENTRIES));
    else if (err != SD_OK)
        judge_fail(j, err);
    if (err != SD_OK)
        return;
    if (is_structural(m.ambiguities))
        judge_found(j, FINDING_BIT(AMBIGUOUS));
    for (size_t i = 0; i < m.part_count && judge_goes_on(j); i++)
        judge_part(j, &m.parts[i]);
}

/* Where the next message of a mailbox begins: a line "From " behind an empty one. */
static size_t next_letter(struct span s) {
    size_t at = 0;
    for (;;) {
        at += span_search(span_from(s, at), SPAN("\nFrom "));
        if (at >= s.n)
            return s.n;
        struct span before = span_sub(s, 0, at);
        if (span_ends(before, SPAN("\n")) || span_ends(before, SPAN("\n\r")))
            return at + 1;
        at++;
    }
}

void letter_judge(struct judge *j, struct span content) {
    content = span_trim(content);
    if (!span_starts(content, SPAN("From "))) {
        judge_letter(j, content);
        return;
    }
    while (content.n && judge_entry(j)) {
        size_t end = next_letter(content);
        struct span letter = span_sub(content, 0, end);
        judge_letter(j, span_from(letter, span_find(letter, '\n') + 1));
        content = span_from(content, end);
    }
}

static uint8_t uu_value(struct span line, size_t i) {
    return i < line.n ? (uint8_t)((line.p[i] - ' ') & 0x3f) : 0;
}

/* Appends one line's bytes; false: it is none. */
static bool uu_line(struct span line, struct buf *to) {
    if (!line.n || line.p[0] < ' ' || line.p[0] > '`')
        return false;
    size_t n = uu_value(line, 0), i = 1;
    if ((n + 2) / 3 * 4 > line.n + 3)
        return false;
    for (size_t k = 0; k < n; k += 3, i += 4) {
        uint32_t v = (uint32_t)uu_value(line, i) << 18 | (uint32_t)uu_value(line, i + 1) << 12 |
                     (uint32_t)uu_value(line, i + 2) << 6 | uu_value(line, i + 3);
        for (size_t b = 0; b < 3 && k + b < n; b++)
            buf_byte(to, (uint8_t)(v >> (16 - 8 * b)));
    }
    return n > 0;
}

static struct span without_cr(struct span line) {
    return line.n && line.p[line.n - 1] == '\r' ? span_sub(line, 0, line.n - 1) : line;
}

/* At a line "begin 644 name": judges the file, and says how much of the text it took. */
static size_t judge_uu_file(struct judge *j, struct span text) {
    struct buf content SD_CLEANUP(buf_free) = buf_new(text.n + 1);
    struct span_split lines = span_split_start(text);
    struct span first, line;
    if (!span_split_next(&lines, '\n', &first) || !judge_entry(j))
        return 5;
    while (span_split_next(&lines, '\n', &line) && uu_line(without_cr(line), &content))
        ;
    if (buf_err(&content) == SD_ERR_NOMEM)
        judge_fail(j, SD_ERR_NOMEM);
    struct span name = span_from(without_cr(first), 6);
    name = span_sub(span_from(name, span_find(name, ' ') + 1), 0, UU_NAME_MAX);
    if (content.n && judge_unpacked(j, content.n))
        judge_content(j, name, buf_span(&content));
    return content.n ? first.n + content.n : 5;
}

static bool is_uu_begin(struct span s) {
    size_t i = 6;
    while (i < s.n && i < 10 && s.p[i] >= '0' && s.p[i] <= '7')
        i++;
    return i >= 9 && i < s.n && s.p[i] == ' ';
}

void uu_judge(struct judge *j, struct span text) {
    for (size_t from = 0; from < text.n && judge_goes_on(j);) {
        size_t at = from + span_search(span_from(text, from), SPAN("begin "));
        if (at >= text.n)
            return;
        bool starts = at == 0 || text.p[at - 1] == '\n';
        from = at + 5;
        if (starts && is_uu_begin(span_from(text, at)))
            from = at + judge_uu_file(j, span_from(text, at));
    }
}
