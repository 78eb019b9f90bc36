#!/usr/bin/env python3
"""Checks what each program is linked with: a process can only be attacked through code that it has.

Direct dependencies (NEEDED) are read with readelf and compared with the table; what a library brings along itself is its own
matter, except in the keeper, whose whole list, as ldd gives it, must be in the table.

Usage: links.py [build]. Exit status 1, with a line per offence, when a program is missing or links more.
"""
import pathlib
import re
import subprocess
import sys

# Program: libraries it may link, beside libc and the loader.
MAY_LINK = {
    "sealdesk-edge":    "crypto ssl zstd",
    "sealdesk-dns":     "crypto ssl unbound",
    "sealdesk-inspect": "m crypto zstd idn2 psl icuuc icui18n icudata gumbo magic archive z jansson pcre2-8",
    "sealdesk-keeper":  "crypto sqlite3 argon2",
    "sealdesk-clerk":   "crypto ssl zstd sqlite3 jansson curl",
    "sealdesk-courier": "crypto ssl zstd sqlite3 jansson curl idn2 psl",
    "sealdesk-desk":    "crypto ssl zstd sqlite3 jansson microhttpd idn2 psl qrencode fido2 cbor",
    "sealdesk-render":  "z",
    "sealdesk-paginate": "m z crypto zstd idn2 psl icuuc icui18n icudata gumbo magic archive pcre2-8 pango-1.0 pangocairo-1.0 cairo gobject-2.0 glib-2.0 harfbuzz",  # in a sandbox without network and files
    "sealdesk-verify":  "crypto",  # and no object file of ours but its own: own_files()
    "sealdesk":         "crypto zstd sqlite3 jansson confuse idn2 psl",  # idn2, psl: `dns check` evaluates SPF and DMARC as the inspector does
}
EVERYWHERE = {"c", "ld-linux-x86-64", "ld-linux-aarch64"}
WHOLE_LIST = {"sealdesk-keeper": {"m"}}  # by ldd too; with what its own libraries may bring (SQLite uses libm)

NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
UNIT = re.compile(r"DW_AT_name\s.*:\s(\S+\.c)$")
LDD = re.compile(r"^\s*(\S+)\s+=>")


def short(soname):
    """libcrypto.so.3 -> crypto"""
    name = pathlib.PurePath(soname).name.split(".so")[0]
    return name[3:] if name.startswith("lib") else name


def find(build, program):
    """The program in build/libexec, where it is installed to run from, or wherever the build left it."""
    for path in [build / "libexec" / program, build / program, *sorted(build.glob("src/**/" + program))]:
        if path.is_file():
            return path
    return None


def listed(command, pattern):
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {short(match.group(1)) for match in map(pattern.search, output.splitlines()) if match}


def check(build, program):
    path = find(build, program)
    if path is None:
        return ["%s: not built in %s" % (program, build)]
    may = set(MAY_LINK[program].split()) | EVERYWHERE
    extra = listed(["readelf", "-d", str(path)], NEEDED) - may
    offences = ["%s: links lib%s; it may link %s" % (path, name, MAY_LINK[program]) for name in sorted(extra)]
    if program in WHOLE_LIST:
        brought = listed(["ldd", str(path)], LDD) - may - WHOLE_LIST[program] - {"linux-vdso"} - extra
        offences += ["%s: one of its libraries brings lib%s" % (path, name) for name in sorted(brought)]
    return offences


def own_files(build, program, folder):
    """Of which source files a program is made, by its debug information: only of this folder's."""
    path = find(build, program)
    if path is None:
        return []
    output = subprocess.run(["readelf", "--debug-dump=info", "--dwarf-depth=1", str(path)], capture_output=True, text=True, check=True).stdout
    units = {match.group(1) for match in map(UNIT.search, output.splitlines()) if match}
    ours = {unit for unit in units if "/src/" in unit}
    return ["%s: made of %s, which is not in src/%s" % (path, unit, folder) for unit in sorted(ours) if "/src/%s/" % folder not in unit] + (
        [] if ours else ["%s: no source file found in its debug information" % path])


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    try:
        offences = [line for program in MAY_LINK for line in check(build, program)]
        offences += own_files(build, "sealdesk-verify", "verify")
    except (OSError, subprocess.CalledProcessError) as error:
        offences = [str(error)]
    for line in offences:
        print(line)
    print("links: %d programs, %d offences" % (len(MAY_LINK), len(offences)))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
