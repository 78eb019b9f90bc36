#!/usr/bin/env python3
"""embed.py OUT.c name=FILE ...: C functions asset_<name>() over the files' bytes; .yaml becomes JSON."""
import json
import sys


def content(path):
    if path.endswith('.yaml'):
        import yaml
        with open(path, encoding='utf-8') as f:
            return json.dumps(yaml.safe_load(f), ensure_ascii=False, separators=(',', ':')).encode()
    with open(path, 'rb') as f:
        return f.read()


def array(name, data):
    lines = [f'static const uint8_t {name}_bytes[] = {{']
    for i in range(0, len(data), 24):
        lines.append('    ' + ','.join(map(str, data[i:i + 24])) + ',')
    lines.append('};')
    lines.append(f'struct span asset_{name}(void) {{')
    lines.append(f'    return span_of({name}_bytes, sizeof {name}_bytes);')
    lines.append('}')
    return '\n'.join(lines)


def main():
    out, pairs = sys.argv[1], [a.split('=', 1) for a in sys.argv[2:]]
    parts = ['#include "desk/assets.h"'] + [array(name, content(path)) for name, path in pairs]
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n\n'.join(parts) + '\n')


main()
