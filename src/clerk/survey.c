#include "clerk/survey.h"
#include "clerk/record.h"
#include "clerk/segment.h"

#include <string.h>

static void add_key(struct survey *survey, struct span key) {
    for (size_t i = 0; i < survey->key_count; i++)
        if (span_eq(span_of(survey->keys[i], KEY_ID_BYTES), key))
            return;
    if (survey->key_count == SURVEY_KEYS || key.n != KEY_ID_BYTES)
        survey->complete = false;
    else
        memcpy(survey->keys[survey->key_count++], key.p, KEY_ID_BYTES);
}

static enum sd_err survey_segment(const struct segment *segment, uint64_t offset, bool with_keys, struct survey *survey) {
    for (;;) {
        struct buf start SD_CLEANUP(buf_free) = buf_new(RECORD_PEEK_BYTES);
        struct cards_intake_header_v1 header;
        enum frame_found found;
        enum sd_err err = segment_peek(segment, offset, with_keys ? RECORD_PEEK_BYTES : 0, &start, &found, &offset);
        if (err)
            return err;
        if (found != FRAME_RECORD) {
            survey->complete &= found == FRAME_NONE;
            return SD_OK;
        }
        survey->records++;
        if (with_keys && record_peek(buf_span(&start), &header) == SD_OK)
            add_key(survey, header.key_id);
        else if (with_keys)
            survey->complete = false;
    }
}

enum sd_err survey_intake(const char *dir, struct intake_position from, bool with_keys, struct survey *ret) {
    struct survey survey = {.complete = true};
    struct segment segment = {.fd = -1};
    uint64_t number = from.segment;
    enum sd_err err;
    while ((err = segment_find(dir, number, &number)) == SD_OK) {
        err = segment_open(&segment, dir, number, 0);
        if (err == SD_OK)
            err = survey_segment(&segment, number == from.segment ? from.offset : 0, with_keys, &survey);
        if (err)
            break;
        number++;
    }
    segment_close(&segment);
    if (err != SD_ERR_NOTFOUND)
        return err ? err : SD_ERR_BUG;
    *ret = survey;
    return SD_OK;
}
