"""Debian's python3-dkim and python3-spf over the benchmark's letters, DNS answered from memory (they have no DMARC). Prints nanoseconds of
CPU per letter as JSON.

    debian.py CORPUS SECONDS"""
import json
import pathlib
import re
import sys
import time

import dkim
import spf

corpus, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])
zone = {}
for name, kind, data in re.findall(r"^(\S+)\. 3600 IN (\S+) (.*)$", (corpus / "zone").read_text(), re.M):
    bare = data.rstrip(".")
    value = [s.encode() for s in re.findall(r'"([^"]*)"', data)] if kind == "TXT" else tuple(bare.split()) if kind == "MX" else bare
    zone.setdefault((name, kind), []).append(value)
spf.DNSLookup = lambda name, kind, *_: [((name, kind), value) for value in zone.get((name.lower(), kind), [])]
letters = [(pathlib.Path(path).read_bytes(), sender) for path, sender in (line.split() for line in (corpus / "list").read_text().splitlines())]


def text_of(name, timeout=5):
    found = zone.get((name.decode().rstrip("."), "TXT"))
    return b"".join(found[0]) if found else None


def measure(judge):
    n, begin, end = 0, time.process_time(), time.time() + seconds
    while time.time() < end:
        for letter, sender in letters[:20]:
            assert judge(letter, sender)
            n += 1
    return round((time.process_time() - begin) * 1e9 / n)


def with_dkim(letter, sender):
    return dkim.verify(letter, dnsfunc=text_of)


def with_both(letter, sender):
    return with_dkim(letter, sender) and spf.check2("198.51.100.10", sender, "client.relay.example")[0] == "pass"


print(json.dumps({"dkim": measure(with_dkim), "both": measure(with_both)}))
