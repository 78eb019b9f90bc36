/*
 * The inspector behind its dispatcher. First byte 0: the rest is a letter for judge; 1: a message for examine; else a raw
 * request: u8 peer, u8 operation, body. Whatever a letter holds, judge has a verdict for it (an error would be a 451 for ever),
 * and its answer is what the edge takes: cuts ascending inside the letter, facets that decode.
 */
#include "core/ipc/cards.h"
#include "crypt/seal.h"
#include "inspect/test_rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig rig;

static const char zone[] = "customer.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
                           "_dmarc.customer.example TXT \"v=DMARC1; p=reject\"\n"
                           "_dmarc.forged.example TXT \"v=DMARC1; p=quarantine\"\n";

static void must(bool ok) {
    if (!ok)
        abort();
}

static void check_cuts(struct span letter, struct ipc_list cuts) {
    struct ipc_list_iter iter = ipc_list_start(cuts);
    struct span item;
    size_t at = 0;
    while (ipc_list_next(&iter, &item)) {
        struct reader r = reader_of(item);
        size_t offset = read_u32(&r);
        size_t n = read_u32(&r);
        must(reader_end(&r) == SD_OK && offset >= at && offset <= letter.n && n <= letter.n - offset);
        at = offset + n;
    }
}

static void check_facets(struct span facets, size_t attachments) {
    struct reader r = reader_of(facets);
    size_t files = 0;
    bool has_head = false;
    while (r.rest.n && !r.err) {
        struct cards_facet_v1 facet;
        struct cards_head_v1 head;
        must(cards_facet_v1_decode(read_blob(&r, facets.n), NULL, &facet) == SD_OK);
        files += facet.facet == FACET_FILE;
        if (facet.facet != FACET_HEAD)
            continue;
        must(cards_head_v1_decode(facet.content, NULL, &head) == SD_OK && head.attachments.count == attachments);
        has_head = true;
    }
    must(r.err == SD_OK && has_head && files == attachments);
}

static void judge(struct span letter) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    must(rig_judge(&rig, letter, &answer, &rep) == SD_OK);
    check_cuts(letter, rep.cuts);
    if (rep.disposition != DISPOSITION_REJECT && rep.disposition != DISPOSITION_TEMPFAIL)
        check_facets(rep.facets, rep.attachments);
}

static void examine(struct span message) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_examine_rep rep;
    enum sd_err err = rig_examine(&rig, message, &answer, &rep);
    must(err == SD_OK || err == SD_ERR_PARSE || err == SD_ERR_LIMIT);
}

static void raw(struct span input) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct reader r = reader_of(input);
    static const uint32_t peers[] = {PEER_EDGE, PEER_KEEPER, PEER_ADMIN, PEER_DESK};
    uint32_t peer = peers[read_u8(&r) % SD_COUNT(peers)];
    uint16_t op = read_u8(&r);
    if (r.err || r.rest.n > LIMIT_IPC_INLINE_BYTES)
        return;
    buf_put(&out.body, r.rest);
    enum sd_err err = rig_serve(&rig, peer, op, &out, &answer);
    must(err == SD_OK || err == SD_ERR_PROTOCOL); /* answered, or a reason to drop the peer */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (!rig.config)
        rig_start(&rig, zone);
    struct span rest = span_of(data + 1, size - 1);
    if (data[0] == 0)
        judge(rest);
    else if (data[0] == 1)
        examine(rest);
    else
        raw(rest);
    return 0;
}
