/* people.h - what the operations on our people share: rows, who is meant, what they must not do, what they end. */
#ifndef SD_KEEPER_PEOPLE_H
#define SD_KEEPER_PEOPLE_H

#include "keeper/asker.h"
#include "keeper/person.h"

/* One of our people by id (hex) or address, exactly; whoever was removed is not there. */
enum sd_err person_named(struct keeper *k, struct span text, struct person *ret) SD_MUST_CHECK;

/* ---- somebody new ---- */

struct person_new {
    struct span email; /* lower case */
    struct span name, role_text;
    struct ipc_list queues;
    enum person_role role; /* by person_new_problem() */
};
/* What is wrong, as a sentence; NULL: nothing. */
enum sd_err person_new_problem(struct keeper *k, struct person_new *person, const char **ret_problem) SD_MUST_CHECK;
/* password: an encoded hash, or empty; totp: NULL for none. Within a transaction. */
struct person_factors {
    struct span password;
    const struct secret *totp;
};
enum sd_err person_insert(struct keeper *k, const struct person_new *person, struct span id, enum person_state state,
                          const struct person_factors *factors) SD_MUST_CHECK;
enum sd_err person_wrap_factors(struct keeper *k, struct span id, const struct person_factors *factors, struct buf *password,
                                struct buf *totp) SD_MUST_CHECK;
enum sd_err person_set_queues(struct keeper *k, struct span id, struct ipc_list queues) SD_MUST_CHECK;
bool is_person_name(struct span s);
const char *queues_problem(struct keeper *k, struct ipc_list queues, enum sd_err *ret_err);
/* NULL: may be this person's password. */
const char *password_unfit(const struct keeper *k, struct span password, struct span email, struct span name);
/* The key URI format that authenticators read. */
void put_otpauth(struct buf *to, struct span email, const struct secret *totp);

/* ---- ending ---- */

enum sd_err tokens_revoke(struct keeper *k, struct span person) SD_MUST_CHECK;
/* Sessions, API tokens, and the link to enrol by, of who is to stay out. Within a transaction. */
enum sd_err person_shut_out(struct keeper *k, struct span person) SD_MUST_CHECK;
/* Password, authenticator, passkeys, recovery codes. Within a transaction. */
enum sd_err person_drop_factors(struct keeper *k, struct span person) SD_MUST_CHECK;

/* ---- administrators ---- */

struct admin_numbers {
    unsigned active, able; /* able: with factors to sign in with */
};
/* Without `except` (ID_BYTES or empty). */
enum sd_err admins_count(struct keeper *k, struct span except, struct admin_numbers *ret) SD_MUST_CHECK;

/* ---- root ---- */

#define PEOPLE_REASON_MIN 10 /* characters: a sentence, not a dot */
bool is_reason(struct span reason);
#define PROBLEM_BREAK_GLASS                                                                                                    \
    "There is an administrator. To make another from the command line is emergency access: say why (--break-glass), in at "    \
    "least ten characters; everybody is told."
/* Root makes an administrator while there is one? */
enum sd_err is_break_glass(struct keeper *k, const struct asker *asker, enum person_role role, bool *ret) SD_MUST_CHECK;
/* Within a transaction: the reason is kept apart, the alarm goes to everybody. */
enum sd_err break_glass_raise(struct keeper *k, enum alarm_kind kind, struct span person, struct span reason,
                              uint8_t ret_note[ID_BYTES], struct records *records) SD_MUST_CHECK;

#endif
