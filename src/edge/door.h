/* door.h - how many sessions there are, in all and from each address. Thread-safe. */
#ifndef SD_EDGE_DOOR_H
#define SD_EDGE_DOOR_H

#include "core/base.h"

struct door;

enum door_answer { DOOR_CLOSED_FULL = 0, DOOR_CLOSED_ADDRESS, DOOR_OPEN };

/* NULL: no memory. */
struct door *door_new(size_t max, size_t max_per_address);
void door_free(struct door **door);
/* After DOOR_OPEN the session ends with door_leave. IPv6 addresses count by their /64: that is what one host commands. */
enum door_answer door_enter(struct door *door, const uint8_t ip[16]);
void door_leave(struct door *door, const uint8_t ip[16]);
size_t door_count(struct door *door); /* sessions now */

#endif
