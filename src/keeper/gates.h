/*
 * gates.h - what each trust level may do: the section "gates" of the configuration, asked in one place. No I/O. A letter whose
 * disposition is not accept or flag passes no gate but `review`, whatever its level. The same questions are asked about every
 * letter: answers, bounces, forwards and automatic replies come in by the same way.
 *
 * Whoever builds automatic answers asks gates_auto_answer() before one is made: nothing else may decide that.
 */
#ifndef SD_KEEPER_GATES_H
#define SD_KEEPER_GATES_H

#include "auth/auth.h"
#include "core/config.h"

struct gates {
    unsigned levels[GATE_COUNT]; /* bits 1 << enum trust_level */
};

struct gates gates_default(void);
/* SD_ERR_CONFIG: a gate names a level that there is not (logged). */
enum sd_err gates_from_config(const struct config *config, struct gates *ret) SD_MUST_CHECK;

enum gate_verdict { GATE_SHUT = 0, GATE_OPENS = 1 };
enum gate_verdict gate_opens(const struct gates *gates, enum gate gate, enum trust_level level, enum disposition disposition);

/* May an automatic answer that quotes history go to the sender of this letter? automatic: RFC 3834 §2, never answered. */
enum auto_answer { AUTO_ANSWER_NO = 0, AUTO_ANSWER_YES = 1 };
enum auto_answer gates_auto_answer(const struct gates *gates, enum trust_level level, enum disposition disposition,
                                   bool automatic, bool as_customer);

#endif
