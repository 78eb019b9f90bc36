/* Any bytes as a segment: the reader always gets to its end, and what it takes for records is taken apart. */
#include "clerk/record.h"
#include "clerk/segment.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool true_always) {
    if (!true_always)
        abort();
}

static void take_apart(struct span body) {
    struct record record;
    struct record_facet facet;
    if (record_decode(body, &record) != SD_OK)
        return;
    struct facet_walk walk = facet_walk_start(&record);
    while (facet_walk_next(&walk, &facet))
        expect(facet.sealed.n > 0);
    expect(reader_end(&walk.r) == SD_OK);
}

static void read_segment(struct segment *segment) {
    enum frame_found found = FRAME_RECORD;
    while (found == FRAME_RECORD || found == FRAME_DAMAGED) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(FRAME_BODY_MAX);
        uint64_t next = 0;
        expect(segment_next(segment, &body, &found, &next) == SD_OK);
        if (found == FRAME_RECORD)
            take_apart(buf_span(&body));
        expect(next <= segment->size_bytes && (found == FRAME_NONE || next > segment->offset));
        segment->offset = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct segment segment = {.fd = memfd_create("intake", MFD_CLOEXEC)};
    if (segment.fd >= 0 && write(segment.fd, data, size) == (ssize_t)size)
        read_segment(&segment);
    segment_close(&segment);
    struct cards_intake_header_v1 header;
    if (record_peek(span_of(data, size), &header) == SD_OK)
        expect(header.object.n == OBJECT_ID_BYTES);
    take_apart(span_of(data, size)); /* without a frame, so that no checksum is in the way */
    return 0;
}
