#include "auth/name.h"
#include "core/network.h"

static bool labels_fit(struct span name) {
    struct span label;
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (struct span_split s = span_split_start(name); span_split_next(&s, '.', &label);)
        if (label.n == 0 || label.n > NAME_LABEL_MAX_BYTES)
            return false;
    return true;
}

bool name_is_dns(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 0x20 || name.p[i] >= 0x7f || name.p[i] == '\\')
            return false;
    return labels_fit(name);
}

static bool host_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool name_is_domain(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (!host_byte(name.p[i]))
            return false;
    return labels_fit(name) && span_find(name, '.') < name.n;
}

bool name_is_under(struct span name, struct span parent) {
    if (parent.n == 0 || !span_iends(name, parent))
        return false;
    return name.n == parent.n || name.p[name.n - parent.n - 1] == '.';
}

struct span name_parent(struct span name) {
    return span_from(name, span_find(name, '.') + 1);
}

size_t name_labels(struct span name) {
    size_t n = name.n > 0;
    for (size_t i = 0; i < name.n; i++)
        n += name.p[i] == '.';
    return n;
}

struct span name_tail(struct span name, size_t labels) {
    for (size_t n = name_labels(name); n > labels; n--)
        name = name_parent(name);
    return name;
}

struct span name_lower(struct span name, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, name.n ? name.n : 1);
    if (!to)
        return SPAN_NONE;
    for (size_t i = 0; i < name.n; i++)
        to[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (uint8_t)(name.p[i] + 32) : name.p[i];
    return span_of(to, name.n);
}

struct span name_undot(struct span name) {
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    return name;
}

struct span name_reverse(const uint8_t ip[16], struct arena *arena) {
    static const char digits[] = "0123456789abcdef";
    char nibbles[65];
    if (ip_is_v4(ip))
        return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", ip[15], ip[14], ip[13], ip[12]);
    for (size_t i = 0; i < 32; i++) { /* the last nibble first */
        nibbles[2 * i] = digits[ip[15 - i / 2] >> (i % 2 ? 4 : 0) & 15];
        nibbles[2 * i + 1] = '.';
    }
    nibbles[64] = 0;
    return arena_printf(arena, "%sip6.arpa", nibbles);
}
