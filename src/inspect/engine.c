#include "inspect/engine.h"

#include "files/files.h"

#include <stdio.h>
#include <string.h>

#define CLOCK_SLACK_MS 60000 /* a file from the future was not made just now */

bool engine_see(struct engine *engine, const char *version, const struct signatures_stamp *stamp, int64_t now_ms,
                int64_t settle_ms) {
    char seen[ENGINE_BYTES + 1];
    if (stamp)
        (void)snprintf(seen, sizeof seen, "%.64s/%lld-%08x, rules %d", version, (long long)(stamp->newest_ms / 1000),
                       stamp->mark, FILES_RULES);
    else
        (void)snprintf(seen, sizeof seen, "%.64s, rules %d", version, FILES_RULES);
    if (strcmp(seen, engine->text) == 0)
        return false;
    if (strcmp(seen, engine->next) != 0) {
        memcpy(engine->next, seen, sizeof seen);
        engine->next_ms = now_ms;
    }
    int64_t since_ms = stamp && stamp->changed_ms <= now_ms + CLOCK_SLACK_MS ? stamp->changed_ms : engine->next_ms;
    if (now_ms - since_ms < settle_ms && (stamp || engine->text[0]))
        return false;
    memcpy(engine->text, seen, sizeof seen);
    return true;
}
