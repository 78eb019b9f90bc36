/* proof.c - a proof by itself: c2sp.org/tlog-proof@v1 of one record, or what c2sp.org/tlog-witness sends to witnesses. */
#include "verify/verify.h"

/* The hashes, one a line, and the empty line behind them. */
static bool read_hashes(struct text *rest, struct proof *ret) {
    struct text line;
    ret->count = 0;
    while (take_until(rest, '\n', &line)) {
        if (line.n == 0)
            return true;
        if (ret->count == PEAKS_MAX || !from_base64(line, ret->hashes[ret->count++].b, HASH_BYTES))
            return false;
    }
    return false;
}

static bool read_record_head(struct text *rest, uint64_t *ret_index) {
    struct text extra;
    if (!take(rest, TEXT("c2sp.org/tlog-proof@v1\n")))
        return false;
    if (take(rest, TEXT("extra ")) && !take_until(rest, '\n', &extra))
        return false;
    return take(rest, TEXT("index ")) && take_number(rest, ret_index) && take(rest, TEXT("\n"));
}

static bool read_continuation_head(struct text *rest, uint64_t *ret_old) {
    return take(rest, TEXT("old ")) && take_number(rest, ret_old) && take(rest, TEXT("\n"));
}

/* The checkpoint that ends every proof. */
static bool read_newest(struct text note, const struct key *key, struct report *report, struct checkpoint *ret) {
    const char *wrong = checkpoint_read(key, note, ret);
    if (wrong)
        problem(report, "The checkpoint in the proof %s.", wrong);
    report->size = wrong ? 0 : ret->size;
    report->checkpoints = wrong ? 0 : 1;
    return !wrong;
}

static void judge_record(const struct proof *proof, uint64_t index, struct text record, const struct checkpoint *newest,
                         struct report *report) {
    struct hash leaf;
    bool dropped = false;
    if (!record_leaf(record, index, &leaf, &dropped))
        problem_at(report, index, "The proof is of record %llu, and the record given is another one.",
                   (unsigned long long)index);
    else if (!proof_of_record(proof, &leaf, index, newest->size, &newest->root))
        problem_at(report, index, "The proof does not hold: this is not record %llu of the log.", (unsigned long long)index);
    report->dropped = dropped ? 1 : 0;
}

static void judge_continuation(const struct proof *proof, uint64_t old_size, const struct kept *kept, size_t kept_count,
                               const struct checkpoint *newest, struct report *report) {
    if (kept_count == 0)
        problem(report, "The proof says that one checkpoint continues another: give that one with --checkpoint.");
    for (size_t i = 0; i < kept_count; i++) {
        const struct checkpoint *old = &kept[i].checkpoint;
        if (old->size != old_size)
            problem(report, "%s covers %llu records, and the proof is from %llu on.", kept[i].name,
                    (unsigned long long)old->size, (unsigned long long)old_size);
        else if (!proof_of_continuation(proof, old->size, &old->root, newest->size, &newest->root))
            problem(report, "The log does not continue what %s covered: the proof does not hold.", kept[i].name);
    }
}

/* Of the same size, two checkpoints are the same, or the log was forked. */
static void judge_fork(const struct kept *kept, size_t kept_count, const struct checkpoint *newest, struct report *report) {
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].checkpoint.size == newest->size && !same_hash(&kept[i].checkpoint.root, &newest->root))
            problem(report, "%s and the proof's checkpoint cover %llu records each, and not the same: the log was forked.",
                    kept[i].name, (unsigned long long)newest->size);
}

void verify_proof(struct text proof, const struct key *key, const struct text *record, const struct kept *kept,
                  size_t kept_count, struct report *report) {
    struct proof hashes;
    struct checkpoint newest;
    uint64_t number;
    bool is_proof = record ? read_record_head(&proof, &number) : read_continuation_head(&proof, &number);
    if (!is_proof || !read_hashes(&proof, &hashes)) {
        problem(report, record ? "That is no proof of a record (c2sp.org/tlog-proof@v1)."
                               : "That is no proof that one checkpoint continues another, and no record was given (--record).");
        return;
    }
    if (!read_newest(proof, key, report, &newest))
        return;
    report->one = true;
    report->root = newest.root;
    report->has_root = true;
    judge_fork(kept, kept_count, &newest, report);
    if (record)
        judge_record(&hashes, number, *record, &newest, report);
    else
        judge_continuation(&hashes, number, kept, kept_count, &newest, report);
}
