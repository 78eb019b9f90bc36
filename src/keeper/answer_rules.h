/*
 * answer_rules.h - may this message leave as an answer? The keeper looks at the header itself and at what an inspector found in
 * the same bytes; either can refuse. No I/O.
 *
 * The keeper splits the header (RFC 5322 §2.2) and nothing else: it decodes no value; of the body it reads line ends alone. It
 * must, because it is about to sign: what the DKIM signature covers has to be what the keeper saw, not what an inspector, which
 * an attacker's mail may have taken over, says it saw.
 */
#ifndef SD_KEEPER_ANSWER_RULES_H
#define SD_KEEPER_ANSWER_RULES_H

#include "core/span.h"

/* name, word for the log, sentence for the agent. Zero refuses. */
#define ANSWER_LIST(X)                                                                                                         \
    X(REFUSED, "refused", "The answer was refused.")                                                                           \
    X(FIT, "signed", "")                                                                                                       \
    X(HEADER, "header", "The message's header is not well-formed.")                                                            \
    X(HEADER_REPEATED, "header-repeated", "A header field that may stand once is there twice.")                                \
    X(HEADER_MISSING, "header-missing", "A header field that every message needs is missing.")                                 \
    X(HEADER_FORBIDDEN, "header-forbidden", "The message has a header field that an answer must not have.")                    \
    X(BODY, "body", "The message's text has lines or signs that not every mail server takes.")                                 \
    X(FROM, "from", "The sender is not the address of the ticket's queue.")                                                    \
    X(HIDDEN, "hidden-recipients", "The message has hidden recipients.")                                                       \
    X(AMBIGUOUS, "ambiguous", "Mail programs could read this message in different ways.")                                      \
    X(NO_RECIPIENT, "no-recipient", "The message has no recipient.")                                                           \
    X(RECIPIENT, "recipient", "A recipient takes no part in this ticket and was not added by hand.")                           \
    X(STATE, "ticket-state", "The ticket is in review, spam or quarantine; decide on it first.")                               \
    X(TOKEN, "reply-token", "The reply address does not belong to this ticket.")                                               \
    X(DOMAIN, "no-key", "There is no key to sign for the sender's domain.")                                                    \
    X(QUEUE, "queue", "The ticket's queue is not in use.")
enum answer_verdict {
#define X(name, word, sentence) ANSWER_##name,
    ANSWER_LIST(X)
#undef X
};
const char *answer_word(enum answer_verdict verdict);
const char *answer_sentence(enum answer_verdict verdict);

/* Whom the answer is from, and where answers to it come. */
struct answer_from {
    struct span address;     /* of the ticket's queue */
    struct span reply_token; /* of this ticket; empty: none */
};
/*
 * The message by itself: a header of fields that an answer has, each once; From is this address and no other, Reply-To the same
 * with the token; ASCII in lines of CRLF from the first byte to the last.
 */
enum answer_verdict answer_message(struct span message, const struct answer_from *from);

struct answer_facts {
    struct span from;          /* what the inspector read */
    struct span queue_address; /* what it must be */
    bool hidden_recipients;
    uint64_t ambiguities;
    uint32_t recipients;
    uint32_t strangers; /* recipients that neither take part nor were added by hand */
};
enum answer_verdict answer_examined(const struct answer_facts *facts);

/* Is `domain` the address's domain or a parent of it? */
bool domain_covers(struct span domain, struct span address);

#endif
