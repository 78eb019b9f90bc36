/*
 * export.c - an export of the log: a first line that says what follows, then records and checkpoints, one JSON object a line. A
 * checkpoint stands behind the last record that it covers. Read once, from front to back; what is kept in memory is one line
 * and the tree's peaks.
 */
#include "verify/verify.h"

#include <stdlib.h>

#define LINE_MAX_BYTES 16384 /* no record is longer, by half */

struct reading {
    FILE *in;
    const struct key *key;
    struct kept *kept;
    size_t kept_count;
    struct report *report;
    char line[LINE_MAX_BYTES];
    uint64_t line_number;
    uint64_t size;    /* what the first line promises */
    struct tree tree; /* of the records so far */
    /* Sizes of the last checkpoints that fit: of the export's own, and of those kept elsewhere. Where the two sorts disagree,
     * the export's say nothing: whoever forked the log signed them. */
    uint64_t covered, kept_covered;
    uint64_t last_dropped, dropped_below, dropped_by_acts; /* see judge_dropped */
    char time[32];                                         /* of the newest record */
    uint64_t clock_back, clock_back_at;
};

/* ---- lines ---- */

enum line_verdict { LINE_BAD, LINE_END, LINE_GOOD };

static enum line_verdict next_line(struct reading *r, struct text *ret) {
    size_t n = 0;
    int c;
    while ((c = getc_unlocked(r->in)) != EOF && c != '\n') {
        if (n == sizeof r->line) {
            problem_at(r->report, r->tree.size, "Line %llu is longer than any record.", (unsigned long long)r->line_number + 1);
            return LINE_BAD;
        }
        r->line[n++] = (char)c;
    }
    if (c == EOF && (n || ferror(r->in))) {
        problem_at(r->report, r->tree.size, "The export breaks off in line %llu.", (unsigned long long)r->line_number + 1);
        return LINE_BAD;
    }
    r->line_number++;
    *ret = (struct text){r->line, n};
    return c == EOF ? LINE_END : LINE_GOOD;
}

/* Four hexadecimal digits of an escape as UTF-8; no surrogates: nothing of ours needs them. */
static bool put_escaped(struct text *rest, char *to, size_t *n) {
    char digits[5] = {0}, *end;
    if (rest->n < 4)
        return false;
    memcpy(digits, rest->p, 4);
    unsigned long code = strtoul(digits, &end, 16);
    if (end != digits + 4 || digits[0] == '-' || digits[0] == '+' || digits[0] == ' ' || (code >= 0xd800 && code < 0xe000))
        return false;
    *rest = (struct text){rest->p + 4, rest->n - 4};
    if (code >= 0x800)
        to[(*n)++] = (char)(0xe0 | code >> 12);
    if (code >= 0x80)
        to[(*n)++] = (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f) : 0xc0 | code >> 6);
    to[(*n)++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
    return true;
}

/* A JSON string, without its first quote, to its end. */
static bool take_string(struct text *rest, char *to, size_t max, size_t *ret_n) {
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;
    while (rest->n && rest->p[0] != '"' && n + 3 < max) {
        char c = rest->p[0];
        *rest = (struct text){rest->p + 1, rest->n - 1};
        if (c != '\\') {
            to[n++] = c;
            continue;
        }
        if (rest->n == 0)
            return false;
        c = rest->p[0];
        const char *at = c ? strchr(escapes, c) : NULL;
        *rest = (struct text){rest->p + 1, rest->n - 1};
        if (at)
            to[n++] = meanings[at - escapes];
        else if (c != 'u' || !put_escaped(rest, to, &n))
            return false;
    }
    *ret_n = n;
    return take(rest, TEXT("\""));
}

/* ---- the first line ---- */

static bool read_peaks(struct text *rest, struct tree *tree) {
    unsigned count = peaks_of(tree->size);
    struct text hex;
    if (count == 0)
        return true;
    if (!take(rest, TEXT(",\"peaks\":[")))
        return false;
    for (unsigned i = 0; i < count; i++)
        if ((i && !take(rest, TEXT(","))) || !take(rest, TEXT("\"")) || !take_until(rest, '"', &hex) ||
            !from_hex(hex, tree->peaks[i].b, HASH_BYTES))
            return false;
    return take(rest, TEXT("]"));
}

static bool read_head(struct reading *r) {
    char origin[ORIGIN_MAX + 4], key[1024];
    size_t origin_n, key_n;
    struct text line;
    if (next_line(r, &line) != LINE_GOOD || !take(&line, TEXT("{\"sealdesk-log\":1,\"origin\":\"")) ||
        !take_string(&line, origin, sizeof origin, &origin_n) || !take(&line, TEXT(",\"key\":\"")) ||
        !take_string(&line, key, sizeof key, &key_n) || !take(&line, TEXT(",\"from\":")) ||
        !take_number(&line, &r->tree.size) || !take(&line, TEXT(",\"size\":")) || !take_number(&line, &r->size) ||
        !read_peaks(&line, &r->tree) || !take(&line, TEXT("}")) || line.n || r->size < r->tree.size) {
        problem(r->report, "This is no export of a Sealdesk log: its first line does not say so.");
        return false;
    }
    if (!key_is(r->key, (struct text){key, key_n})) {
        problem(r->report, "The export says that it belongs to another key than the one given.");
        return false;
    }
    r->report->from = r->tree.size;
    return true;
}

/* ---- checkpoints ---- */

static bool fits(struct reading *r, const struct checkpoint *checkpoint, const char *name, uint64_t since) {
    struct hash root = tree_root(&r->tree);
    if (same_hash(&root, &checkpoint->root))
        return true;
    problem_at(r->report, since,
               "The records are not those that %s covered: of the records from %llu to %llu at least one was changed, added, "
               "removed or put elsewhere.",
               name, (unsigned long long)since, (unsigned long long)checkpoint->size - 1);
    return false;
}

/* Those kept elsewhere that cover exactly the records so far. */
static bool compare_kept(struct reading *r) {
    for (size_t i = 0; i < r->kept_count; i++) {
        struct kept *kept = &r->kept[i];
        if (kept->found || kept->checkpoint.size != r->tree.size)
            continue;
        if (!fits(r, &kept->checkpoint, kept->name, r->kept_covered))
            return false;
        kept->found = true;
        r->covered = r->kept_covered = r->tree.size;
    }
    return true;
}

static bool read_checkpoint(struct reading *r, struct text line) {
    char note[NOTE_MAX + 4], name[64];
    size_t n;
    struct checkpoint checkpoint;
    (void)snprintf(name, sizeof name, "the checkpoint in line %llu", (unsigned long long)r->line_number);
    if (!take_string(&line, note, sizeof note, &n) || !take(&line, TEXT("}")) || line.n) {
        problem_at(r->report, r->covered, "Line %llu begins as a checkpoint and is none.", (unsigned long long)r->line_number);
        return false;
    }
    const char *wrong = checkpoint_read(r->key, (struct text){note, n}, &checkpoint);
    if (wrong) {
        problem_at(r->report, r->covered, "The checkpoint in line %llu %s.", (unsigned long long)r->line_number, wrong);
        return false;
    }
    if (checkpoint.size != r->tree.size) {
        problem_at(r->report, r->tree.size < checkpoint.size ? r->tree.size : r->covered,
                   "The checkpoint in line %llu covers %llu records, and %llu stand before it.",
                   (unsigned long long)r->line_number, (unsigned long long)checkpoint.size, (unsigned long long)r->tree.size);
        return false;
    }
    if (!fits(r, &checkpoint, name, r->covered))
        return false;
    r->covered = checkpoint.size;
    r->report->checkpoints++;
    return true;
}

/* ---- records ---- */

bool record_leaf(struct text line, uint64_t seq, struct hash *ret_leaf, bool *ret_dropped) {
    struct text rest = line, hex;
    uint64_t number;
    if (!take(&rest, TEXT("{\"seq\":")) || !take_number(&rest, &number) || number != seq || !take(&rest, TEXT(",")) ||
        rest.n == 0 || rest.p[rest.n - 1] != '}')
        return false;
    *ret_dropped = take(&rest, TEXT("\"dropped\":\"")) && take_until(&rest, '"', &hex) && rest.n == 1 &&
                   from_hex(hex, ret_leaf->b, HASH_BYTES);
    if (!*ret_dropped)
        *ret_leaf = hash_of_record(line);
    return true;
}

/* Where the text stands in the line, or its end. A quote inside a JSON string is escaped: a text with bare ones is a field. */
static struct text behind(struct text line, struct text field) {
    for (; line.n; line = (struct text){line.p + 1, line.n - 1})
        if (take(&line, field))
            return line;
    return line;
}

/* "access from 0 below 13824: 4711 records" */
static void note_act(struct reading *r, struct text line) {
    uint64_t from, below, count;
    struct text class, reason = behind(line, TEXT("\"reason\":\""));
    if (behind(line, TEXT("\"action\":\"log-dropped\"")).n == 0 || !take_until(&reason, ' ', &class) ||
        !take(&reason, TEXT("from ")) || !take_number(&reason, &from) || !take(&reason, TEXT(" below ")) ||
        !take_number(&reason, &below) || !take(&reason, TEXT(": ")) || !take_number(&reason, &count))
        return;
    r->dropped_by_acts += count;
    r->dropped_below = below > r->dropped_below ? below : r->dropped_below;
}

static void note_time(struct reading *r, struct text line) {
    struct text rest = behind(line, TEXT("\"time\":\"")), time;
    if (!take_until(&rest, '"', &time) || time.n >= sizeof r->time)
        return;
    char now[sizeof r->time] = {0};
    memcpy(now, time.p, time.n);
    if (strcmp(now, r->time) >= 0)
        memcpy(r->time, now, sizeof now);
    else if (r->clock_back++ == 0)
        r->clock_back_at = r->tree.size;
}

static bool read_record(struct reading *r, struct text line) {
    struct hash leaf;
    bool dropped;
    struct text rest = line;
    uint64_t number = 0;
    unsigned long long expected = r->tree.size;
    if (!record_leaf(line, r->tree.size, &leaf, &dropped)) {
        if (take(&rest, TEXT("{\"seq\":")) && take_number(&rest, &number) && number != r->tree.size)
            problem_at(r->report, r->tree.size, "Line %llu is record %llu, and record %llu belongs there: records are %s.",
                       (unsigned long long)r->line_number, (unsigned long long)number, expected,
                       number > r->tree.size ? "missing or in another order" : "repeated or in another order");
        else
            problem_at(r->report, r->tree.size, "Line %llu is no record; record %llu belongs there.",
                       (unsigned long long)r->line_number, expected);
        return false;
    }
    if (r->tree.size >= r->size) {
        problem_at(r->report, r->tree.size, "There are more records than the %llu of which the first line speaks.",
                   (unsigned long long)r->size);
        return false;
    }
    r->report->dropped += dropped;
    if (dropped)
        r->last_dropped = r->tree.size;
    note_act(r, line);
    note_time(r, line);
    tree_add(&r->tree, &leaf);
    return compare_kept(r);
}

/* ---- the end ---- */

/*
 * A record whose time was over is there as its hash. The log itself tells of each such act, in a record that is never dropped:
 * so nobody can make a record disappear by calling it dropped.
 */
static void judge_dropped(struct reading *r) {
    unsigned long long dropped = r->report->dropped, acts = r->dropped_by_acts;
    if (dropped > acts)
        problem(
            r->report,
            "%llu records are dropped, but only %llu of them by acts that this export tells of (an export that goes on to the "
            "newest record has all acts).",
            dropped, acts);
    else if (dropped && r->last_dropped >= r->dropped_below)
        problem_at(r->report, r->last_dropped, "Record %llu is dropped, and no act in this export reaches so far.",
                   (unsigned long long)r->last_dropped);
}

static void judge_kept(struct reading *r) {
    for (size_t i = 0; i < r->kept_count; i++) {
        const struct kept *kept = &r->kept[i];
        unsigned long long size = kept->checkpoint.size;
        if (kept->found)
            continue;
        if (size > r->tree.size)
            problem_at(r->report, r->tree.size,
                       "%s covers %llu records, and the export ends after %llu: its tail is missing, or an older log was put "
                       "back.",
                       kept->name, size, (unsigned long long)r->tree.size);
        else
            problem(r->report,
                    "%s covers %llu records, and the export begins only at record %llu: export from there or before.",
                    kept->name, size, (unsigned long long)r->report->from);
    }
}

static void judge_end(struct reading *r) {
    if (r->tree.size < r->size)
        problem_at(r->report, r->tree.size, "The export ends after %llu records, and its first line speaks of %llu.",
                   (unsigned long long)r->tree.size, (unsigned long long)r->size);
    judge_kept(r);
    if (r->covered < r->tree.size)
        problem_at(r->report, r->covered, "The records from %llu on are covered by no checkpoint.",
                   (unsigned long long)r->covered);
    judge_dropped(r);
    if (r->clock_back)
        (void)snprintf(r->report->remark, sizeof r->report->remark,
                       "The writer's clock went back %llu times, first before record %llu.", (unsigned long long)r->clock_back,
                       (unsigned long long)r->clock_back_at);
}

void verify_export(FILE *in, const struct key *key, struct kept *kept, size_t kept_count, struct report *report) {
    struct reading r = {.in = in, .key = key, .kept = kept, .kept_count = kept_count, .report = report};
    enum line_verdict verdict = LINE_BAD;
    struct text line;
    if (!read_head(&r))
        return;
    r.covered = r.kept_covered = r.tree.size;
    bool good = compare_kept(&r);
    while (good && (verdict = next_line(&r, &line)) == LINE_GOOD)
        good = take(&line, TEXT("{\"checkpoint\":\"")) ? read_checkpoint(&r, line) : read_record(&r, line);
    report->size = r.tree.size;
    report->root = tree_root(&r.tree);
    report->has_root = true;
    if (good && verdict == LINE_END)
        judge_end(&r);
}
