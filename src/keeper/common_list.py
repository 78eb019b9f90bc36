#!/usr/bin/env python3
"""The table behind common_list.h, from zxcvbn's frequency lists and John the Ripper's list.

An entry is 48 bits of a hash of the lower-case text, and a byte: how many quarter bits a guesser needs to come to it (the logarithm
of its rank), and whether it is from a list of passwords.

Usage: common_list.py OUT.c PASSWORD.LST, or common_list.py --words OUT.txt for the English words, which a test makes passphrases of."""
import math
import sys

from zxcvbn.frequency_lists import FREQUENCY_LISTS

LEAST, MOST = 3, 32           # characters, as in common_list.h
WORDS = 5000                  # of each list of English words: what is rarer is not what people reach for
OTHER_LIST = 8                # quarter bits: to think of another list than the passwords'
DIGITS = 8                    # quarter bits: many short ones are listed, and are in any random number
PASSWORD_FLAG = 0x80


def hash48(text):
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    h ^= h >> 32  # FNV's upper bits hardly see the last letters
    h = h * 0x9e3779b97f4a7c15 & 0xffffffffffffffff
    return h >> 16


def add(table, words, extra, flag):
    for rank, word in enumerate(words, 1):
        word = word.lower()
        if not LEAST <= len(word) <= MOST or not word.isascii():
            continue
        cost = math.ceil(4 * math.log2(rank)) + extra + (DIGITS if word.isdigit() else 0)
        if word not in table or cost < table[word][0]:
            table[word] = (cost, flag or table.get(word, (0, 0))[1])


def lines(numbers, width):
    numbers = [str(n) for n in numbers]
    return '\n'.join('    ' + ', '.join(numbers[i:i + width]) + ',' for i in range(0, len(numbers), width))


def read_lists(john):
    with open(john, encoding='latin-1') as f:
        johns = [line.rstrip('\n') for line in f if not line.startswith('#!comment')]
    table = {}
    for words in (FREQUENCY_LISTS['passwords'], johns):
        add(table, words, 0, PASSWORD_FLAG)
    for name in ('female_names', 'male_names', 'surnames'):
        add(table, FREQUENCY_LISTS[name], OTHER_LIST, 0)
    for name in ('english_wikipedia', 'us_tv_and_film'):
        add(table, FREQUENCY_LISTS[name][:WORDS], OTHER_LIST, 0)
    return sorted((hash48(word), cost | flag) for word, (cost, flag) in table.items())


def table_text(entries):
    starts = [0] * 4097
    for value, _ in entries:
        starts[(value >> 36) + 1] += 1
    for i in range(4096):
        starts[i + 1] += starts[i]
    return '\n'.join([
        '#include "keeper/common_list.h"\n',
        'const uint32_t common_starts[4097] = {\n%s\n};\n' % lines(starts, 16),
        'const uint32_t common_hashes[] = {\n%s\n};\n' % lines([value >> 16 for value, _ in entries], 12),
        'const uint16_t common_rests[] = {\n%s\n};\n' % lines([value & 0xffff for value, _ in entries], 16),
        'const uint8_t common_costs[] = {\n%s\n};\n' % lines([what for _, what in entries], 24)])


def main():
    if sys.argv[1] == '--words':
        out, text = sys.argv[2], '\n'.join(FREQUENCY_LISTS['english_wikipedia']) + '\n'
    else:
        out, text = sys.argv[1], table_text(read_lists(sys.argv[2]))
    with open(out, 'w', encoding='utf-8') as f:
        f.write(text)


main()
