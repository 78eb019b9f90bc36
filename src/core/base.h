/* base.h - attributes that every file uses. */
#ifndef SD_CORE_BASE_H
#define SD_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SD_MUST_CHECK __attribute__((warn_unused_result))
#define SD_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define SD_CLEANUP(fn) __attribute__((cleanup(fn)))
#define SD_UNUSED __attribute__((unused))
#define SD_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
