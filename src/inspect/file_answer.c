/* What a child says, read as a stranger's. */
#include "inspect/file_child.h"

struct file_answer file_answer_read(struct span bytes, uint64_t *findings, size_t count) {
    struct file_answer answer = {0};
    struct reader r = reader_of(bytes);
    bool sane = true;
    while (r.rest.n >= RECORD_BYTES && sane && !answer.whole) {
        uint16_t index = read_u16(&r);
        uint64_t found = read_u64(&r);
        answer.late |= index == RECORD_LATE;
        answer.no_child |= index == RECORD_NO_CHILD;
        answer.whole = index == RECORD_END && answer.answered == count;
        sane = answer.whole || (index == answer.answered && answer.answered < count && (found & ~spawner_findings()) == 0);
        if (sane && !answer.whole)
            findings[answer.answered++] |= found;
    }
    answer.whole &= r.rest.n == 0;
    if (r.rest.n || (!sane && !answer.late))
        answer.answered = 0;
    return answer;
}
