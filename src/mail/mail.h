/*
 * mail.h - RFC 5322 and MIME, zero-copy and bounded. No I/O, no time, no DNS.
 *
 * mail_parse() never fails on hostile input: whatever it could not read in one way only is recorded as an ambiguity (an X-macro
 * list) and the parse goes on with the most permissive reading that another mail program might take. Spans point into the
 * caller's message bytes, which must outlive the result; decoded values are made on request in the caller's arena.
 */
#ifndef SD_MAIL_MAIL_H
#define SD_MAIL_MAIL_H

#include "core/arena.h"
#include "core/buf.h"

/*
 * name, id for API and logs, plain sentence. Severe ones hold the mail (disposition review): by those of its parts (P) another
 * program may show other attachments than ours does, or other content in them; by those of its files (F) another name for one;
 * the rest (S) are about who wrote it. Others (N) are only noted.
 */
#define MAIL_AMBIGUITY_LIST(X)                                                                                                 \
    X(FROM_MISSING, "from-missing", S, "The message has no From field.")                                                       \
    X(FROM_REPEATED, "from-repeated", S, "The message has more than one From field; programs may show different senders.")     \
    X(FROM_SEVERAL, "from-several", S, "The From field names more than one author.")                                           \
    X(FROM_SYNTAX, "from-syntax", S, "The From field cannot be read in one way only.")                                         \
    X(FROM_CONTROL, "from-control", S, "The From field contains control characters.")                                          \
    X(SENDER_REPEATED, "sender-repeated", N, "The message has more than one Sender or Reply-To field.")                        \
    X(SUBJECT_REPEATED, "subject-repeated", N, "The message has more than one Subject field.")                                 \
    X(DATE_REPEATED, "date-repeated", N, "The message has more than one Date field.")                                          \
    X(RECIPIENTS_REPEATED, "recipients-repeated", N, "The message has more than one To or Cc field.")                          \
    X(MESSAGE_ID_REPEATED, "message-id-repeated", N, "The message has more than one Message-ID field.")                        \
    X(HEADER_SYNTAX, "header-syntax", P, "A header line is neither a field nor a continuation of one.")                        \
    X(HEADER_SPACE_NAME, "header-space-name", P, "A header field has a space before its colon; programs differ on its name.")  \
    X(HEADER_NUL, "header-nul", P, "The header contains NUL bytes.")                                                           \
    X(HEADER_CR, "header-cr", P, "The header contains a bare CR or LF.")                                                       \
    X(HEADER_8BIT, "header-8bit", N, "The header contains bytes that are not ASCII.")                                          \
    X(HEADER_TOO_LONG, "header-too-long", P, "The header is larger or has more fields than Sealdesk reads.")                   \
    X(HEADER_EMPTY_FOLD, "header-empty-fold", P, "A folded line holds only white space; programs may end the header there.")   \
    X(BODY_NUL, "body-nul", P, "The body contains NUL bytes.")                                                                 \
    X(BODY_CR, "body-cr", N, "The body contains a bare CR or LF.")                                                             \
    X(CTYPE_REPEATED, "content-type-repeated", P, "A part has more than one Content-Type field.")                              \
    X(CTYPE_SYNTAX, "content-type-syntax", N, "A Content-Type field cannot be read in one way only.")                          \
    X(CTE_REPEATED, "encoding-repeated", P, "A part has more than one Content-Transfer-Encoding field.")                       \
    X(CTE_UNKNOWN, "encoding-unknown", P, "A part has an unknown Content-Transfer-Encoding.")                                  \
    X(CTE_ON_MULTIPART, "encoding-on-multipart", P, "A multipart is itself encoded.")                                          \
    X(DISPOSITION_REPEATED, "disposition-repeated", P, "A part has more than one Content-Disposition field.")                  \
    X(MIME_SYNTAX, "mime-syntax", P, "A Content- field breaks the grammar; programs differ on what the part is.")              \
    X(MIME_LONG_LINE, "mime-long-line", P, "A Content- field has a line that some programs cut.")                              \
    X(BOUNDARY_MISSING, "boundary-missing", P, "A multipart has no usable boundary.")                                          \
    X(BOUNDARY_SYNTAX, "boundary-syntax", P, "A boundary has characters that programs read differently.")                      \
    X(BOUNDARY_REPEATED, "boundary-repeated", P, "A parameter that decides the structure is given twice.")                     \
    X(BOUNDARY_LINE, "boundary-line", P, "A line is a boundary to some programs and text to others.")                          \
    X(BOUNDARY_AFTER_END, "boundary-after-end", P, "A multipart goes on after it was closed.")                                 \
    X(BOUNDARY_OPEN, "boundary-open", N, "A multipart is not closed.")                                                         \
    X(BOUNDARY_PREFIX, "boundary-prefix", P, "One boundary is the beginning of another.")                                      \
    X(MULTIPART_TEXT_OUTSIDE, "multipart-text-outside", N, "There is text before the first or after the last part.")           \
    X(MULTIPART_EMPTY, "multipart-empty", P, "A multipart has no parts; programs may show its text as the body.")              \
    X(PARTS_TOO_MANY, "parts-too-many", P, "The message has more parts than Sealdesk reads.")                                  \
    X(PARTS_TOO_DEEP, "parts-too-deep", P, "Parts are nested more deeply than Sealdesk reads.")                                \
    X(BASE64_DIRTY, "base64-dirty", N, "Base64 text has characters that do not belong there or wrong padding.")                \
    X(BASE64_JUNK, "base64-junk", P, "Base64 text has characters that some programs skip and others stop at.")                 \
    X(BASE64_AFTER_END, "base64-after-end", P,                                                                                 \
      "Base64 text goes on after its end; programs differ on where the content ends.")                                         \
    X(QP_DIRTY, "quoted-printable-dirty", N, "Quoted-printable text has an escape that is none.")                              \
    X(FILE_DIRTY, "file-encoding-dirty", P, "The encoding of a file has errors that programs mend differently.")               \
    X(NAME_REPEATED, "name-repeated", F, "A part has two file names of different kinds.")                                      \
    X(NAME_SYNTAX, "name-syntax", F, "A file name is written so that programs read different names.")                          \
    X(NAME_ENCODED, "name-encoded", N, "A file name is encoded in a way that programs read differently.")                      \
    X(CHARSET_UNKNOWN, "charset-unknown", N, "A part names a character set that Sealdesk does not know.")                      \
    X(CHARSET_BROKEN, "charset-broken", N, "Text is not valid in the character set it names.")                                 \
    X(CHARSET_MULTIPLE, "charset-multiple", N, "A part names more than one character set.")                                    \
    X(CHARSET_MASKING, "charset-masking", P,                                                                                   \
      "A part is in a character set in which programs that do not know it read other text.")                                   \
    X(PARTIAL, "message-partial", P, "The message is one piece of a split message (message/partial) or an external body.")     \
    X(UNSIGNED_TAIL, "unsigned-tail", N,                                                                                       \
      "A DKIM signature covers only the beginning of the text (l=); the rest is anybody's.")                                   \
    X(PART_IN_TEXT, "part-in-text", P, "A text holds what some programs read as a part of the message.")                       \
    X(UUENCODE, "uuencode", N, "The text contains a uuencoded file; it is listed as an attachment.")                           \
    X(FILE_IN_TEXT, "file-in-text", P, "The text holds a file (uuencode, yEnc, BinHex) that some programs take out of it.")

enum mail_ambiguity {
#define X(name, id, severity, sentence) MAIL_AMBIGUITY_##name,
    MAIL_AMBIGUITY_LIST(X)
#undef X
        MAIL_AMBIGUITY_COUNT
};

/* A set of them; bit (1 << enum mail_ambiguity). */
typedef uint64_t mail_ambiguities;
const char *mail_ambiguity_id(enum mail_ambiguity a);
const char *mail_ambiguity_sentence(enum mail_ambiguity a);
bool mail_ambiguity_severe(mail_ambiguities set);   /* any severe one in the set */
bool mail_ambiguity_of_parts(mail_ambiguities set); /* any P */
bool mail_ambiguity_of_names(mail_ambiguities set); /* any F */

/* One header field as it stands. */
struct mail_field {
    struct span name; /* without colon and without trailing white space */
    struct span body; /* after the colon, folded as it came, without the final CRLF */
    struct span raw;  /* the whole field with its line ends: what DKIM signs and what gets cut */
};

struct mail_header {
    const struct mail_field *fields; /* in order; at most LIMIT_HEADER_FIELDS */
    size_t count;
};

/* First field with this name (case-insensitive), or NULL. */
const struct mail_field *mail_field_first(const struct mail_header *h, struct span name);
size_t mail_field_count(const struct mail_header *h, struct span name);

enum mail_encoding {
    MAIL_ENCODING_IDENTITY,
    MAIL_ENCODING_BASE64,
    MAIL_ENCODING_QP,
    MAIL_ENCODING_UUENCODE, /* of a file within a text: that is its parent, and shows it too */
    MAIL_ENCODING_UNKNOWN
};

#define MAIL_NO_PART UINT16_MAX

/* One part of the flat table, in document order; part 0 is the message itself. */
struct mail_part {
    uint16_t parent; /* index, MAIL_NO_PART for part 0 */
    uint16_t depth;
    struct mail_header header;
    struct span body;       /* encoded, as it came */
    struct span type;       /* lower case "text/plain", default of RFC 2045 §5.2 when absent or unreadable; in the arena */
    struct span charset;    /* lower case, empty when none is named */
    struct span name;       /* decoded file name in UTF-8 without path, empty when there is none */
    struct span other_name; /* another that another program would take, empty when there is none */
    enum mail_encoding encoding;
    bool is_multipart;
    bool is_message;    /* message/rfc822: its header and parts follow as children */
    bool is_attachment; /* Content-Disposition: attachment, or a named part, or not text and not multipart */
    bool is_flowed;     /* format=flowed (RFC 3676) */
    bool is_delsp;
};

struct mail_message {
    struct span bytes;
    struct span header_bytes; /* up to and with the empty line */
    struct span body_bytes;
    struct mail_header header;
    const struct mail_part *parts; /* at least one */
    size_t part_count;
    mail_ambiguities ambiguities;
    struct arena *arena;
};

/*
 * Parses. Errors are ours only (NOMEM; LIMIT when the arena's maximum is reached): hostile input gives ambiguities.
 * Give an arena of at least 8 MiB maximum. Line ends: CRLF; bare CR or LF are ambiguities and LF is then taken as a line end.
 */
enum sd_err mail_parse(struct span message, struct arena *arena, struct mail_message *ret) SD_MUST_CHECK;

/* Header only (of any bytes that start with a header); ambiguities are or-ed into *ambiguities. */
enum sd_err mail_parse_header(struct span bytes, struct arena *arena, struct mail_header *ret, struct span *ret_body,
                              mail_ambiguities *ambiguities) SD_MUST_CHECK;

struct mail_address {
    struct span display; /* decoded UTF-8, may be empty */
    struct span local;   /* unquoted */
    struct span domain;  /* as written, lower-cased ASCII; U-labels stay U-labels here */
    struct span address; /* local@domain, local quoted again when needed */
};

struct mail_address_list {
    const struct mail_address *items;
    size_t count;
};

/* RFC 5322 §3.4 address-list with groups, comments, obsolete forms; SD_ERR_PARSE when it cannot be read in one way only. */
enum sd_err mail_parse_addresses(struct span field_body, struct arena *arena, struct mail_address_list *ret) SD_MUST_CHECK;
/* One RFC 5321 mailbox, nothing around it. */
enum sd_err mail_parse_mailbox(struct span text, struct arena *arena, struct mail_address *ret) SD_MUST_CHECK;

/* The author: exactly one From field with exactly one mailbox. SD_ERR_PARSE otherwise (the ambiguities say which). */
enum sd_err mail_from(const struct mail_message *m, struct mail_address *ret) SD_MUST_CHECK;

/* Unfolded, RFC 2047 decoded (adjacent words joined), control characters removed, UTF-8. Empty when there is none. */
struct span mail_decode_text(struct span field_body, struct arena *arena);
struct span mail_subject(const struct mail_message *m);

/* Message-ID without brackets; empty when absent or malformed. */
struct span mail_message_id(const struct mail_message *m);
/* In-Reply-To and References, newest first, no duplicates, at most max; count is returned. */
size_t mail_references(const struct mail_message *m, struct span *to, size_t max);
/* Date in milliseconds since 1970, SD_ERR_PARSE when absent or unreadable. */
enum sd_err mail_date(const struct mail_message *m, int64_t *ret_unix_ms) SD_MUST_CHECK;

/* The part's content, transfer-decoded, appended to `to`; dirty encodings are decoded permissively and flagged. */
enum sd_err mail_decode_body(const struct mail_part *part, struct buf *to, mail_ambiguities *ambiguities) SD_MUST_CHECK;

/* Bytes of a charset (RFC 2045 or MIME name) to UTF-8 by ICU; bad ones become U+FFFD, flagged. */
enum sd_err mail_to_utf8(struct span bytes, struct span charset, struct buf *to, mail_ambiguities *ambiguities) SD_MUST_CHECK;

/*
 * What an agent reads: of multipart/alternative the best plain text, else HTML turned to text; format=flowed joined; every
 * inline text part in order; LF line ends; cut at LIMIT_TEXT_BYTES with a last line that says so.
 */
enum sd_err mail_text(const struct mail_message *m, struct buf *to, mail_ambiguities *ambiguities) SD_MUST_CHECK;

/* HTML in UTF-8 to readable plain text: links as "text <target>", lists, quotes, tables by row; no script or style content. */
enum sd_err mail_html_to_text(struct span html, struct buf *to) SD_MUST_CHECK;

/*
 * What an agent sees of a letter that has HTML, made safe as html_clean.h says: of multipart/alternative the last with HTML,
 * else the best there is; every inline part in order, plain text among them too. Appends nothing when no part of it is HTML.
 * Bounded by HTML_CLEAN_MAX_BYTES; a last line says so when there was more.
 */
enum sd_err mail_html(const struct mail_message *m, struct buf *to, mail_ambiguities *ambiguities) SD_MUST_CHECK;

/*
 * A link of the HTML: where it leads, as it is written (of one that is relative, the document's base), and what is read there.
 * No control characters are taken out: a browser's reading of the target is the caller's.
 */
struct mail_link {
    struct span target; /* entities decoded; at most MAIL_LINK_TARGET_MAX bytes */
    struct span text;   /* visible text, white space collapsed; at most MAIL_LINK_TEXT_MAX bytes */
};
struct mail_links {
    const struct mail_link *items;
    size_t count;
    bool cut; /* there are more than MAIL_LINKS_MAX, or HTML that is too expensive or too long to read */
};
#define MAIL_LINKS_MAX 1000 /* newsletters have 200 */
#define MAIL_LINK_TARGET_MAX 2048
#define MAIL_LINK_TEXT_MAX 512
/* Of every inline HTML part, without those of attached messages. Links without any text (pictures) are left out. */
enum sd_err mail_links(const struct mail_message *m, struct arena *arena, struct mail_links *ret) SD_MUST_CHECK;

/* True when something answers automatically (RFC 3834: Auto-Submitted, Precedence, List-*, empty Return-Path is the caller's).
 */
bool mail_is_automatic(const struct mail_message *m);

#endif
