#include "keeper/audit_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- listing ---- */

static enum sd_err read_segment(const char *dir, uint64_t first, uint64_t from, uint64_t until, audit_each *each, void *arg,
                                bool *more) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    enum sd_err err = segment_open(dir, first, &segment);
    if (err)
        return err;
    while (segment.next < from && segment_skip(&segment))
        ;
    while (err == SD_OK && *more && segment.next >= from && segment.next < until) {
        uint64_t seq = segment.next, offset = segment.at;
        err = segment_next(&segment, &record, &leaf);
        if (err == SD_OK)
            *more = each(arg, seq, first, offset, record);
    }
    segment_close(&segment);
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

enum sd_err audit_read_at(const char *dir, const struct audit_place *place, uint64_t until, audit_each *each, void *arg) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    enum sd_err err = segment_open_at(dir, place->segment, place->offset, place->seq, &segment);
    if (err)
        return err;
    bool more = true;
    while (err == SD_OK && more && segment.next < until) {
        uint64_t seq = segment.next, offset = place->offset + segment.at;
        err = segment_next(&segment, &record, &leaf);
        if (err == SD_OK)
            more = each(arg, seq, place->segment, offset, record);
    }
    segment_close(&segment);
    return err == SD_ERR_NOTFOUND || err == SD_ERR_PARSE ? SD_OK : err; /* the segment's end, or only this part's */
}

enum sd_err audit_read(const char *dir, uint64_t from, uint64_t until, audit_each *each, void *arg) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    bool more = true;
    enum sd_err err = segment_list(dir, &firsts, &count);
    for (size_t i = 0; i < count && err == SD_OK && more; i++)
        if ((i + 1 == count || firsts[i + 1] > from) && firsts[i] < until)
            err = read_segment(dir, firsts[i], from, until, each, arg, &more);
    free(firsts);
    return err;
}

static enum sd_err read_one(const char *dir, uint64_t first, uint64_t seq, struct buf *to, struct sha256 *ret_leaf) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    enum sd_err err = segment_open(dir, first, &segment);
    if (err)
        return err;
    while (segment.next < seq && segment_skip(&segment))
        ;
    err = segment.next == seq ? segment_next(&segment, &record, &leaf) : SD_ERR_NOTFOUND;
    if (err == SD_OK) {
        buf_put(to, record);
        *ret_leaf = leaf;
    }
    segment_close(&segment);
    return err ? err : buf_err(to);
}

enum sd_err audit_read_record(const char *dir, uint64_t seq, struct buf *to, struct sha256 *ret_leaf) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    enum sd_err err = segment_list(dir, &firsts, &count);
    while (err == SD_OK && count && firsts[count - 1] > seq)
        count--;
    if (err == SD_OK)
        err = count ? read_one(dir, firsts[count - 1], seq, to, ret_leaf) : SD_ERR_NOTFOUND;
    free(firsts);
    return err;
}

/* ---- checkpoints ---- */

#define PART_BYTES ((size_t)64 * 1024)

enum sd_err audit_read_checkpoints(const char *dir, uint64_t *offset, audit_each_checkpoint *each, void *arg) {
    struct buf part SD_CLEANUP(buf_free) = buf_new(PART_BYTES);
    int fd = -1;
    enum sd_err err = audit_files_open_checkpoints(dir, &fd);
    if (err)
        return err == SD_ERR_NOTFOUND ? SD_OK : err;
    for (bool more = true; more && err == SD_OK;) {
        buf_reset(&part);
        uint8_t *p = buf_reserve(&part, PART_BYTES);
        ssize_t n = p ? pread(fd, p, PART_BYTES, (off_t)*offset) : -1;
        err = n < 0 ? SD_ERR_IO : SD_OK;
        buf_grew(&part, n > 0 ? (size_t)n : 0);
        struct span rest = buf_span(&part), note = SPAN_NONE;
        more = false;
        while (note_next(&rest, &note) && (more = each(arg, note)))
            *offset += note.n;
    }
    (void)close(fd);
    return err;
}

/* ---- the tree somewhere in the middle ---- */

static enum sd_err range_in_segment(const char *dir, uint64_t first, uint64_t size, struct merkle_range *ret) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    enum sd_err err = segment_open(dir, first, &segment);
    if (err)
        return err;
    struct merkle_range range = segment.start;
    while (err == SD_OK && range.size < size) {
        err = segment_next(&segment, &record, &leaf);
        if (err == SD_OK)
            err = merkle_add(&range, &leaf);
    }
    segment_close(&segment);
    if (err == SD_OK)
        *ret = range;
    return err;
}

enum sd_err audit_range_at(const char *dir, uint64_t size, struct merkle_range *ret) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    enum sd_err err = segment_list(dir, &firsts, &count);
    while (err == SD_OK && count && firsts[count - 1] > size)
        count--;
    if (err == SD_OK && size == 0)
        *ret = (struct merkle_range){0};
    else if (err == SD_OK)
        err = count ? range_in_segment(dir, firsts[count - 1], size, ret) : SD_ERR_NOTFOUND;
    free(firsts);
    return err;
}

/* ---- verification ---- */

struct checking {
    const char *dir;
    const struct note_key *key;
    struct merkle_range range;
    int fd;           /* of the checkpoints, or -1 */
    struct buf read;  /* a part of them */
    struct span rest; /* in it: not yet compared */
    struct checkpoint next;
    bool has_next;
    uint64_t covered; /* size of the last checkpoint that fits */
    struct audit_report *report;
};

static void bad(struct checking *c, uint64_t seq, const char *problem) {
    if (!c->report->good)
        return;
    c->report->good = false;
    c->report->first_bad = seq;
    (void)snprintf(c->report->problem, sizeof c->report->problem, "%s", problem);
}

/* The file grows by one a minute for as long as there is a log: it is never in memory as a whole. */
static bool read_more(struct checking *c) {
    struct buf part = buf_new(2 * PART_BYTES);
    buf_put(&part, c->rest);
    uint8_t *p = c->fd >= 0 && part.n < PART_BYTES ? buf_reserve(&part, PART_BYTES) : NULL;
    ssize_t n = p ? read(c->fd, p, PART_BYTES) : 0;
    if (n < 0 || (c->fd >= 0 && !p))
        bad(c, c->range.size, "The list of checkpoints cannot be read on.");
    buf_grew(&part, n > 0 ? (size_t)n : 0);
    buf_free(&c->read);
    c->read = part;
    c->rest = buf_span(&c->read);
    return n > 0;
}

static void next_checkpoint(struct checking *c) {
    struct span note;
    uint64_t size = c->next.size;
    do
        c->has_next = note_next(&c->rest, &note);
    while (!c->has_next && read_more(c));
    if (!c->has_next) {
        if (c->rest.n)
            bad(c, c->range.size, "The list of checkpoints ends in something that is no checkpoint.");
        return;
    }
    enum sd_err err = note_read(c->key, note, &c->next);
    if (err)
        bad(c, c->range.size,
            err == SD_ERR_FORGED ? "A checkpoint does not carry the log's signature." : "A checkpoint is malformed.");
    else if (c->next.size < size)
        bad(c, c->next.size, "A later checkpoint covers fewer records than an earlier one.");
}

/* At each size a checkpoint was made for, the recomputed tree must have its root. */
static enum sd_err compare_checkpoints(struct checking *c) {
    struct sha256 root;
    while (c->report->good && c->has_next && c->next.size == c->range.size) {
        enum sd_err err = merkle_root(&c->range, &root);
        if (err)
            return err;
        if (memcmp(root.b, c->next.root.b, SHA256_BYTES) != 0)
            bad(c, c->covered, "Records from this one on differ from what a checkpoint covered.");
        else
            c->covered = c->range.size;
        next_checkpoint(c);
    }
    return SD_OK;
}

static bool names_itself(struct span record, uint64_t seq) {
    char head[64];
    int n = snprintf(head, sizeof head, "{\"seq\":%llu,", (unsigned long long)seq);
    return span_starts(record, span_of(head, (size_t)n)) && span_ends(record, SPAN("}"));
}

static enum sd_err check_records(struct checking *c, struct segment *segment, uint64_t until) {
    enum sd_err err = SD_OK;
    while (err == SD_OK && c->report->good && c->range.size < until) {
        struct span record;
        struct sha256 leaf;
        enum sd_err read = segment_next(segment, &record, &leaf);
        if (read == SD_ERR_NOTFOUND)
            break;
        if (read)
            bad(c, c->range.size, "This record was changed.");
        else if (!names_itself(record, c->range.size))
            bad(c, c->range.size, "This record is not the one that belongs here.");
        else
            err = merkle_add(&c->range, &leaf);
        if (err == SD_OK && c->report->good)
            err = compare_checkpoints(c);
    }
    return err;
}

static bool same_range(const struct merkle_range *a, const struct merkle_range *b) {
    return a->size == b->size && memcmp(a->peaks, b->peaks, merkle_peaks(a->size) * sizeof a->peaks[0]) == 0;
}

static enum sd_err check_segment(struct checking *c, uint64_t first, uint64_t until) {
    struct segment segment;
    if (first != c->range.size) {
        bad(c, c->range.size, "Records are missing from here on.");
        return SD_OK;
    }
    enum sd_err err = segment_open(c->dir, first, &segment);
    if (err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
        bad(c, first, "The head of the segment that begins here was changed.");
        return SD_OK;
    }
    if (err)
        return err;
    if (!same_range(&segment.start, &c->range))
        bad(c, first, "The head of the segment that begins here was changed.");
    err = check_records(c, &segment, until);
    segment_close(&segment);
    return err;
}

static enum sd_err check_all(struct checking *c, uint64_t until) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    enum sd_err err = segment_list(c->dir, &firsts, &count);
    next_checkpoint(c);
    if (err == SD_OK)
        err = compare_checkpoints(c); /* of the empty log */
    for (size_t i = 0; i < count && err == SD_OK && c->report->good && firsts[i] < until; i++)
        err = check_segment(c, firsts[i], until);
    free(firsts);
    return err;
}

enum sd_err audit_verify(const char *dir, const struct note_key *key, const struct merkle_range *durable,
                         struct audit_report *ret) {
    struct audit_report report = {.good = true};
    struct checking c = {.dir = dir, .key = key, .fd = -1, .read = buf_new(PART_BYTES), .report = &report};
    enum sd_err err = audit_files_open_checkpoints(dir, &c.fd);
    if (err && err != SD_ERR_NOTFOUND)
        return err;
    err = check_all(&c, durable ? durable->size : UINT64_MAX);
    /* A checkpoint may be made while we read: then it covers more than we were asked to look at. */
    if (report.good && c.has_next && (!durable || c.next.size <= durable->size))
        bad(&c, c.range.size, "Records that a checkpoint covered are missing from here on.");
    if (report.good && durable && !same_range(&c.range, durable))
        bad(&c, c.covered, "Records from this one on differ from what the running keeper wrote.");
    if (err == SD_OK)
        err = merkle_root(&c.range, &report.root);
    report.size = c.range.size;
    if (c.fd >= 0)
        (void)close(c.fd);
    buf_free(&c.read);
    if (err == SD_OK)
        *ret = report;
    return err;
}
