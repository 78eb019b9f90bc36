/*
 * card_sealer.h - seals adoption cards to the intake key. Letters that come close together share one HPKE encapsulation, whose
 * two X25519 multiplications would else be the dearest step of a letter. An encapsulation serves CARD_SEALER_LETTERS letters,
 * or those of CARD_SEALER_MS, whichever is first; the last one of a burst stays in memory until the next letter comes. What it
 * could open passed through this process in clear just before, and this process cannot read the intake it writes. Thread-safe.
 */
#ifndef SD_EDGE_CARD_SEALER_H
#define SD_EDGE_CARD_SEALER_H

#include "edge/key_cache.h"

#define CARD_SEALER_LETTERS 64
#define CARD_SEALER_MS 1000

/* Appends the sealed card; it opens only together with this header. */
enum sd_err card_seal(const struct intake_key *key, struct span header, struct span card, struct buf *to) SD_MUST_CHECK;

#endif
