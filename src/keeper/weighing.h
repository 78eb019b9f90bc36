/*
 * weighing.h - what signals weigh, and what becomes of a letter that weighs enough. The inspector has weighed its own; what the
 * keeper finds is added, and makes the disposition stricter or leaves it. No I/O.
 */
#ifndef SD_KEEPER_WEIGHING_H
#define SD_KEEPER_WEIGHING_H

#include "auth/auth.h"
#include "core/config.h"

struct weighing {
    uint16_t weights[AUTH_SIGNAL_COUNT];
    uint32_t flag_at, review_at;
};

struct weighing weighing_default(void);
enum sd_err weighing_from_config(const struct config *config, struct weighing *ret) SD_MUST_CHECK; /* SD_ERR_CONFIG (logged) */

#define SIGNAL(name) (UINT64_C(1) << AUTH_SIGNAL_##name)
/* Those that only the keeper can find; from anybody else they are not taken. */
#define SIGNALS_OF_KEEPER                                                                                                      \
    (SIGNAL(FIRST_CONTACT) | SIGNAL(LOOKALIKE_KNOWN) | SIGNAL(KNOWN_NAME) | SIGNAL(UNVERIFIED_NOW) | SIGNAL(STRANGER))
#define SIGNALS_KNOWN ((UINT64_C(1) << AUTH_SIGNAL_COUNT) - 1)

/* found: signals of the keeper's; weight: that of the others. */
enum disposition weighing_decide(const struct weighing *weighing, enum disposition disposition, uint32_t weight,
                                 uint64_t found);

#endif
