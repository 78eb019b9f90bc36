#!/usr/bin/env python3
"""Checks the length of functions and files under src/: what is short can be read and proven by itself.

Budget (style.md): median under 20 lines, nine in ten under 50, none over 100 unless a comment inside says why, as in
    /* long: one case per SMTP verb */
and no file over 600 lines unless such a comment stands in its first ten. A function's length runs from the line its
definition starts on to its closing brace.

Usage: functions.py [-v] [src]. Exit status 1, with a line per offence, when the budget is broken. -v lists the longest.
"""
import pathlib
import re
import statistics
import sys

MEDIAN_UNDER = 20
SHORT_UNDER = 50
SHORT_SHARE = 0.90
FUNCTION_MAX = 100
FILE_MAX = 600
HEAD_LINES = 10

REASON = re.compile(r"/\*\s*long:\s*\S")
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
NO_FUNCTION = {"__attribute__", "_Static_assert", "_Alignas"}


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def blanked(text):
    """The text with comments, literals and preprocessor lines as spaces: same lines, same columns."""
    return DIRECTIVE.sub(blank, NOT_CODE.sub(blank, text))


def function_name(head):
    """The name when `head`, the text before a brace at file level, declares a function; else None."""
    if "=" in head or not head.rstrip().endswith(")"):
        return None
    names = [n for n in NAME.findall(head) if n not in NO_FUNCTION]
    return names[0] if names else None


def functions(text):
    """(name, first line, last line) of every function definition."""
    code = blanked(text)
    found, depth, start, opened = [], 0, 0, None
    for at, char in enumerate(code):
        if char == "{":
            if depth == 0:
                head = code[start:at]
                first = start + len(head) - len(head.lstrip())
                opened = (function_name(head), first)
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                if opened[0]:
                    found.append((opened[0], code.count("\n", 0, opened[1]) + 1, code.count("\n", 0, at) + 1))
                    start = at + 1
        elif char == ";" and depth == 0:
            start = at + 1
    return found


def check_file(path, lengths):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    offences = []
    if len(lines) > FILE_MAX and not REASON.search("\n".join(lines[:HEAD_LINES])):
        offences.append("%s: %d lines; over %d needs a /* long: reason */ in its first lines" % (path, len(lines), FILE_MAX))
    for name, first, last in functions(text):
        length = last - first + 1
        lengths.append((length, "%s:%d: %s" % (path, first, name)))
        if length > FUNCTION_MAX and not REASON.search("\n".join(lines[first - 1:last])):
            offences.append("%s:%d: %s has %d lines; over %d needs a /* long: reason */" % (path, first, name, length, FUNCTION_MAX))
    return offences


def judge(lengths):
    """Offences of the whole against median and share, and the summary."""
    counts = [n for n, _ in lengths]
    median = statistics.median(counts)
    share = sum(n < SHORT_UNDER for n in counts) / len(counts)
    offences = []
    if median >= MEDIAN_UNDER:
        offences.append("the median function has %g lines; it must be under %d" % (median, MEDIAN_UNDER))
    if share < SHORT_SHARE:
        offences.append("%.1f %% of functions are under %d lines; it must be %.0f %%" % (share * 100, SHORT_UNDER, SHORT_SHARE * 100))
    summary = "functions: %d, median %g lines, %.1f %% under %d, longest %d (%s)" % (
        len(counts), median, share * 100, SHORT_UNDER, *max(lengths))
    return offences, summary


def main():
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    src = pathlib.Path(arguments[0] if arguments else "src")
    lengths, offences = [], []
    for path in sorted(src.rglob("*.c")):
        offences += check_file(path, lengths)
    if not lengths:
        print("%s: no function found" % src)
        return 1
    whole, summary = judge(lengths)
    for line in offences + whole:
        print(line)
    if "-v" in sys.argv:
        for length, where in sorted(lengths, reverse=True)[:20]:
            print("%4d %s" % (length, where))
    print(summary)
    return 1 if offences or whole else 0


if __name__ == "__main__":
    sys.exit(main())
