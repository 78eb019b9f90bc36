/*
 * policy.h - what an administrator sets about senders, in the words of the configuration: signals and their weights, trust
 * levels, gates. Lists, and their reading; uses core only, so that supervisor and keeper read them as the inspector does.
 */
#ifndef SD_AUTH_POLICY_H
#define SD_AUTH_POLICY_H

#include "core/span.h"

/*
 * Impersonation signals: id (stable), weight unless trust.weights says otherwise, plain sentence. Weights of one message add
 * up: trust.flag_at flags, trust.review_at holds it in Review. Those from first-contact to stranger are the keeper's, which
 * remembers correspondents. Stored as bits in this order: new ones come last.
 */
#define AUTH_SIGNAL_LIST(X)                                                                                                    \
    X(LOOKALIKE_OWN, "lookalike-own", 60, "The sender's domain looks like one of your own but is not.")                        \
    X(LOOKALIKE_PROTECTED, "lookalike-protected", 60, "The sender's domain looks like a protected one but is not.")            \
    X(OWN_DOMAIN, "own-domain", 100, "The message claims to come from your own domain and was not sent by you.")               \
    X(DISPLAY_ADDRESS, "display-address", 40, "The sender's display name contains another e-mail address.")                    \
    X(DISPLAY_NAME, "display-name", 60, "The sender's name is a protected one, and the address is not its owner's.")           \
    X(REPLY_TO_ELSEWHERE, "reply-to-elsewhere", 10, "Answers would go to another domain than the sender's.")                   \
    X(LINK_MISMATCH, "link-mismatch", 20, "A link shows one domain and leads to another.")                                     \
    X(REPEATED_FIELD, "repeated-field", 30, "A field that programs show once occurs more than once.")                          \
    X(AMBIGUOUS, "ambiguous", 100, "Mail programs may read this message in different ways.")                                   \
    X(UNSIGNED_TAIL, "unsigned-tail", 30, "A signature covers only the beginning of the text.")                                \
    X(REFUSED_SENDER, "refused-sender", 100, "The sender is on your list of refused senders.")                                 \
    X(FIRST_CONTACT, "first-contact", 0, "Nobody has written to you from this address before.")                                \
    X(LOOKALIKE_KNOWN, "lookalike-known", 40,                                                                                  \
      "The sender's domain looks like that of somebody who writes to you, but is not.")                                        \
    X(KNOWN_NAME, "known-name", 20, "Somebody of this name writes to you from another address.")                               \
    X(UNVERIFIED_NOW, "unverified-now", 40, "Earlier messages from this address were verified; this one is not.")              \
    X(STRANGER, "stranger", 20, "It came to this ticket's reply address from somebody who takes no part in the ticket.")       \
    X(UNSIGNED_FORMAT, "unsigned-format", 10,                                                                                  \
      "Only a signature proves the sender, and it leaves open how the text is encoded (Content-Type).")                        \
    X(SPAM_FILTER, "spam-filter", 60, "The spam filter says that it is spam.")

enum auth_signal {
#define X(name, id, weight, sentence) AUTH_SIGNAL_##name,
    AUTH_SIGNAL_LIST(X)
#undef X
        AUTH_SIGNAL_COUNT
};
const char *auth_signal_id(enum auth_signal signal);
const char *auth_signal_sentence(enum auth_signal signal);
/* By id; AUTH_SIGNAL_COUNT when there is none. */
enum auth_signal auth_signal_from(struct span id);

#define POLICY_LIST_MAX 256 /* entries of one list of senders, domains or hosts */

/* "id=weight, id=weight …" over the defaults; a weight is 0 to 1000. SD_ERR_PARSE: *ret_wrong is the element that cannot be
 * read. */
#define SIGNAL_WEIGHT_MAX 1000
enum sd_err policy_weights(struct span text, uint16_t weights[AUTH_SIGNAL_COUNT], struct span *ret_wrong) SD_MUST_CHECK;

/* What a set of signals weighs together, and the one that weighs most (AUTH_SIGNAL_COUNT: there is none). */
uint32_t policy_weight(uint64_t found, const uint16_t weights[AUTH_SIGNAL_COUNT]);
enum auth_signal policy_heaviest(uint64_t found, const uint16_t weights[AUTH_SIGNAL_COUNT]);

/* Trust: zero is what nobody may build on. */
enum trust_level { TRUST_FAILED = 0, TRUST_UNVERIFIED = 1, TRUST_VERIFIED = 2 };
const char *trust_level_text(enum trust_level level); /* "failed", "unverified", "verified" */
bool trust_level_from(struct span word, enum trust_level *ret);

/* What a message may do, by its trust level: key of the section "gates", the levels that may unless it says otherwise, meaning.
 */
#define GATE_LIST(X)                                                                                                           \
    X(OPEN, "open", "verified, unverified", "open a ticket; who may not opens it in Review")                                   \
    X(REVIEW, "review", "verified, unverified, failed", "open a ticket in Review; who may not is quarantined")                 \
    X(APPEND, "append", "verified, unverified", "join a ticket by its reply address or by reference")                          \
    X(REOPEN, "reopen", "verified, unverified", "reopen a closed or waiting ticket")                                           \
    X(CUSTOMER, "customer", "verified", "be treated as the ticket's customer for the address it claims")                       \
    X(AUTO_ANSWER, "auto_answer", "verified", "get an automatic answer that quotes history")                                   \
    X(ADD_PEOPLE, "add_people", "verified", "bring the people in its To and Cc into the ticket")                               \
    X(ATTACHMENTS, "attachments", "verified, unverified", "have its scanned attachments opened")
enum gate {
#define X(name, key, levels, meaning) GATE_##name,
    GATE_LIST(X)
#undef X
        GATE_COUNT
};
/* "verified, unverified" or "none": bits 1 << enum trust_level. SD_ERR_PARSE: *ret_wrong is the word that is no level. */
enum sd_err policy_levels(struct span text, unsigned *ret, struct span *ret_wrong) SD_MUST_CHECK;

#endif
