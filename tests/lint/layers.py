#!/usr/bin/env python3
"""Checks who includes whom: every #include "folder/..." under src/ against the table below.

Usage: layers.py [src]. Exit status 1, with a line per offence, when something is out of its layer.
"""
import pathlib
import re
import sys

# Folder: the folders it may include. Libraries first; then one folder per process, which may use libraries and itself, never
# another process: processes meet only in messages (core/ipc), the intake and the store.
LIBRARIES = {
    "core": {"core"},
    "crypt": {"core", "crypt"},
    "mail": {"core", "mail"},
    "auth": {"core", "mail", "crypt", "auth"},
    "store": {"core", "crypt", "store"},
    "files": {"core", "mail", "files"},
}
PROCESSES = ["edge", "dns", "inspect", "keeper", "clerk", "courier", "desk", "render", "sealdesk", "verify"]
# What checks the log shares nothing with what writes it: it includes its own folder and nothing else of ours.
ALONE = {"verify"}
# The keeper decides on facts it holds itself: it never opens the store.
FORBIDDEN = {"keeper": {"store"}}
# One place calls OpenSSL.
OPENSSL_FOLDERS = {"crypt", "verify"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def allowed_for(folder):
    if folder in LIBRARIES:
        return LIBRARIES[folder]
    if folder in ALONE:
        return {folder}
    return (set(LIBRARIES) | {folder}) - FORBIDDEN.get(folder, set())


def offence(folder, kind, target):
    """What is wrong with one include, or None."""
    if kind == "<":
        if target.startswith("openssl/") and folder not in OPENSSL_FOLDERS:
            return "only crypt/ calls OpenSSL"
        return None
    first, slash, _ = target.partition("/")
    if not slash or first in (".", ".."):
        return 'name the folder: "%s/%s"' % (folder, target.split("/")[-1])
    if first not in LIBRARIES and first not in PROCESSES:
        return "%s/ is no folder of src" % first
    if first not in allowed_for(folder):
        return "%s may include %s" % (folder, ", ".join(sorted(allowed_for(folder))))
    return None


def check_file(path, folder):
    offences = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        wrong = match and offence(folder, match.group(1), match.group(2))
        if wrong:
            offences.append("%s:%d: includes %s: %s" % (path, number, match.group(2), wrong))
    return offences


def main():
    src = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")
    files = sorted(p for p in src.rglob("*") if p.suffix in (".c", ".h", ".def"))
    offences = [] if files else ["%s: no source found" % src]
    for path in files:
        folder = path.relative_to(src).parts[0]
        if folder not in LIBRARIES and folder not in PROCESSES:
            offences.append("%s: %s is not in the table of layers" % (path, folder))
        else:
            offences += check_file(path, folder)
    for line in offences:
        print(line)
    print("layers: %d files, %d offences" % (len(files), len(offences)))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
