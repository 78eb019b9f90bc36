#include "core/crc32c.h"

#include <string.h>

/* Four bits at a time, reflected polynomial 0x82f63b78: for processors without the instruction. */
static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_table(uint32_t state, struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        state ^= s.p[i];
        state = (state >> 4) ^ table[state & 15];
        state = (state >> 4) ^ table[state & 15];
    }
    return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t state, struct span s) {
    uint64_t wide = state;
    size_t i = 0;
    for (; s.n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.p + i, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    state = (uint32_t)wide;
    for (; i < s.n; i++)
        state = __builtin_ia32_crc32qi(state, s.p[i]);
    return state;
}

static uint32_t update(uint32_t state, struct span s) {
    return __builtin_cpu_supports("sse4.2") ? by_instruction(state, s) : by_table(state, s);
}
#else
static uint32_t update(uint32_t state, struct span s) {
    return by_table(state, s);
}
#endif

uint32_t crc32c_add(uint32_t crc, struct span bytes) {
    return ~update(~crc, bytes);
}

uint32_t crc32c(struct span bytes) {
    return crc32c_add(0, bytes);
}

/* For the test, which compares both ways. */
uint32_t crc32c_by_table(struct span bytes);
uint32_t crc32c_by_table(struct span bytes) {
    return ~by_table(~UINT32_C(0), bytes);
}
