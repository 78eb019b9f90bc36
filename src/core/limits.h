/*
 * limits.h - every quantity that a peer controls, with its reason. Configuration may lower or raise those that have a key; no
 * value means "unlimited".
 */
#ifndef SD_CORE_LIMITS_H
#define SD_CORE_LIMITS_H

/* Mail */
#define LIMIT_MESSAGE_BYTES ((size_t)25 * 1024 * 1024) /* what the large providers accept; smtp.max_message_bytes lowers it */
#define LIMIT_HEADER_BYTES ((size_t)256 * 1024)        /* Received chains and DKIM of long-travelled mail stay under 100 KiB */
#define LIMIT_HEADER_FIELDS 1000                       /* Postfix and Exim users meet a few hundred at most */
#define LIMIT_MESSAGE_FIELDS 20000             /* fields of all parts together: 1000 parts with 20 each, 1 MB of table */
#define LIMIT_MIME_PARAMETERS 64               /* of one Content-* field; RFC 2231 splits long names, never so far */
#define LIMIT_ADDRESSES 1000                   /* of one header field: ten times the recipients of an envelope */
#define LIMIT_PARTS 1000                       /* MIME parts of one message; more is an ambiguity, rest stays unparsed */
#define LIMIT_PART_DEPTH 20                    /* nesting of multipart and message/rfc822 */
#define LIMIT_ADDRESS_BYTES 320                /* 64 + @ + 255, RFC 5321 §4.5.3.1 */
#define LIMIT_DOMAIN_BYTES 255                 /* RFC 5321 §4.5.3.1.2 */
#define LIMIT_LINE_BYTES 4096                  /* an SMTP command line: 512 by RFC, DSN and AUTH extend it */
#define LIMIT_TEXT_BYTES ((size_t)1024 * 1024) /* decoded text shown to an agent; the rest is in the source */
#define LIMIT_SUBJECT_BYTES 2048               /* decoded; longer ones are cut and flagged */
#define LIMIT_REFERENCES 50                    /* Message-IDs of References looked up */
#define LIMIT_RECIPIENTS 100                   /* RFC 5321 §4.5.3.1.8 asks for at least 100 */
#define LIMIT_ATTACHMENTS 200                  /* listed and sealed apart; more stay in the source and flag the mail */

/* Messages between processes */
#define LIMIT_IPC_INLINE_BYTES ((size_t)64 * 1024)          /* SEQPACKET datagrams over about 200 KB fail */
#define LIMIT_IPC_PAYLOAD_BYTES ((size_t)160 * 1024 * 1024) /* a 25 MiB letter with all its facets */
#define LIMIT_IPC_CALLS 4096                                /* open requests per channel */

/* Store */
#define LIMIT_STORE_ROW_BYTES ((size_t)256 * 1024) /* sealed bytes per row, so a large letter does not fill the cache */
#define LIMIT_LIST_ITEMS 100                       /* one page of a list, one open_heads request, one audit record */

#endif
