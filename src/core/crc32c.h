/*
 * crc32c.h - CRC-32C (Castagnoli; RFC 3720 §B.4): tells a frame that was written whole from one that was cut or damaged. It is
 * no protection against anyone: what must not be changed is sealed.
 */
#ifndef SD_CORE_CRC32C_H
#define SD_CORE_CRC32C_H

#include "core/span.h"

uint32_t crc32c(struct span bytes);
/* For bytes in pieces: start with 0, give back what the last call returned. */
uint32_t crc32c_add(uint32_t crc, struct span bytes);

#endif
