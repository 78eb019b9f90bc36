/*
 * trust_line.h - the one sentence about a sender that people read: who was verified, since when the desk knows them, and how
 * the letter travelled. "Verified: bank.example · known since 2026-03-02, 14 messages · TLS 1.3".
 */
#ifndef SD_DESK_TRUST_LINE_H
#define SD_DESK_TRUST_LINE_H

#include "core/buf.h"

/* What the keeper remembered. NOTHING says nothing: it did not look, or knows the address by less trusted letters only. */
enum acquaintance { ACQUAINTANCE_NOTHING, ACQUAINTANCE_FIRST, ACQUAINTANCE_KNOWN };

/* The inbound hop. RELAYED: our own MTA stands in front, and what this hop was says nothing about the sender's. */
enum hop { HOP_NOT_SAID, HOP_CLEAR, HOP_ENCRYPTED, HOP_RELAYED };

struct trust_line {
    struct span sentence; /* of the head card: "Verified: bank.example" */
    enum acquaintance acquaintance;
    uint32_t known; /* messages before this one */
    int64_t known_since_ms;
    enum hop hop;
    struct span tls_version; /* "TLSv1.3"; empty: encrypted, and not said how */
};
void trust_line_put(struct buf *to, const struct trust_line *line);

#endif
