/* What a zip file holds; and with office.c, what a document of Office in one does. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "files/archive.h"
#include "files/judge.h"
#include "files/office.h"
#include "files/zip.h"

#define ZIP_ENTRIES_MAX 20000 /* of which the places are remembered; the budget has fewer */

/* Where entries lie, to see what the directory does not name. */
struct place {
    size_t start, end;
};

struct zip_walk {
    struct judge *judge;
    struct unpacking unpacking;
    struct office office;
    struct place *places;
    size_t count;
};

static int by_start(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Entries that overlap are a bomb; a local header between them is an entry that only some programs see. */
static void judge_places(struct zip_walk *walk, const struct zip *zip) {
    size_t end = zip->base;
    if (walk->count)
        qsort(walk->places, walk->count, sizeof *walk->places, by_start);
    for (size_t i = 0; i <= walk->count; i++) {
        size_t start = i < walk->count ? walk->places[i].start : zip->directory_at;
        struct span between = span_sub(zip->bytes, end, start > end ? start - end : 0);
        if (span_search(between, SPAN("PK\x03\x04")) < between.n)
            judge_found(walk->judge, FINDING_BIT(AMBIGUOUS));
        if (start < end && i < walk->count)
            judge_found(walk->judge, FINDING_BIT(AMBIGUOUS));
        if (i < walk->count && walk->places[i].end > end)
            end = walk->places[i].end;
    }
}

static void judge_path(struct judge *j, const struct zip_entry *e) {
    judge_found(j, archive_judge_path(e->name) | archive_judge_path(e->other_name));
    if (e->mode && !S_ISREG(e->mode) && !S_ISDIR(e->mode) && (e->mode & S_IFMT))
        judge_found(j, FINDING_BIT(ARCHIVE_SPECIAL));
    if (e->ambiguous)
        judge_found(j, FINDING_BIT(AMBIGUOUS));
}

/* False: what came out is not what the directory says. */
static bool unpack(struct zip_walk *walk, const struct zip_entry *e, struct buf *to, struct span *ret) {
    struct unpacking *u = &walk->unpacking;
    bool whole = !e->broken;
    if (e->method == ZIP_STORED) {
        if (!unpacking_grew(u, e->packed.n))
            return true;
        *ret = e->packed;
        whole = whole && e->packed_size == e->size;
    } else if (e->method == ZIP_DEFLATED) {
        (void)buf_reserve(to, e->size < unpacking_room(u) ? (size_t)e->size + 1 : 1);
        whole = unpacking_inflate(u, e->packed, INFLATE_RAW, to) && whole;
        *ret = buf_span(to);
        whole = whole && ret->n == e->size;
    } else {
        return archive_unpack_zip(u, e->whole, to, ret) && whole;
    }
    return whole && crc32_z(0, ret->p, ret->n) == e->crc;
}

static void judge_entry_content(struct zip_walk *walk, const struct zip_entry *e) {
    struct judge *j = walk->judge;
    struct buf unpacked SD_CLEANUP(buf_free) = buf_new((size_t)unpacking_room(&walk->unpacking) + ARCHIVE_SLACK);
    struct span content = SPAN_NONE;
    if (!unpack(walk, e, &unpacked, &content) && judge_goes_on(j))
        judge_found(j, FINDING_BIT(DAMAGED));
    if (!judge_goes_on(j))
        return;
    if (walk->office.kind != OFFICE_NONE)
        office_judge_part(&walk->office, j, e->name, content);
    bool before = j->in_office;
    j->in_office = walk->office.kind != OFFICE_NONE;
    judge_file(j, &(struct files_subject){.content = content, .name = e->name, .other_name = e->other_name});
    j->in_office = before;
}

static void judge_one(struct zip_walk *walk, const struct zip_entry *e, const struct zip *zip) {
    struct judge *j = walk->judge;
    judge_path(j, e);
    if (e->whole.n && walk->count < ZIP_ENTRIES_MAX) {
        size_t start = (size_t)(e->whole.p - zip->bytes.p);
        walk->places[walk->count++] = (struct place){start, start + e->whole.n};
    }
    if (e->name.n && e->name.p[e->name.n - 1] == '/' && e->size == 0)
        return;
    if (zip_is_encrypted(e)) {
        judge_found(j, FINDING_BIT(ENCRYPTED_ENTRY) | files_judge_name(e->name));
        return;
    }
    judge_entry_content(walk, e);
}

static void judge_zip(struct judge *j, const struct files_subject *s, struct zip zip) {
    struct zip_walk walk = {.judge = j, .unpacking = {.judge = j, .packed = s->content.n}};
    struct zip_entry entry;
    walk.office = office_of(zip);
    walk.places = calloc(ZIP_ENTRIES_MAX, sizeof *walk.places);
    if (!walk.places) {
        judge_fail(j, SD_ERR_NOMEM);
        return;
    }
    judge_found(j, office_judge_name(&walk.office, s->name, s->type));
    uint64_t seen = 0;
    while (judge_entry(j) && zip_next(&zip, &entry)) {
        judge_one(&walk, &entry, &zip);
        seen++;
    }
    if (judge_goes_on(j)) {
        if (seen != zip.count || (zip.at != zip.directory_end && seen))
            judge_found(j, FINDING_BIT(DAMAGED));
        judge_places(&walk, &zip);
        office_judge_end(&walk.office, j);
    }
    free(walk.places);
}

void zip_judge(struct judge *j, const struct files_subject *s) {
    struct zip zip;
    if (!zip_open(s->content, &zip)) {
        archive_judge(j, s, FORMAT_ZIP); /* cut off before its directory: what streaming programs read of it */
        judge_found(j, FINDING_BIT(DAMAGED));
        return;
    }
    if (zip.base > 4)
        judge_found(j, FINDING_BIT(POLYGLOT));
    judge_zip(j, s, zip);
}

bool zip_is_document(struct span content) {
    struct zip zip;
    return zip_open(content, &zip) && office_of(zip).kind != OFFICE_NONE;
}
