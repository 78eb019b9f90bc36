"""What the differential tests share: the seed, our judgements of many cases at once, and the report of differences.

SEALDESK_BUILD names the build; SEED=N repeats a run; CASES=N makes longer or shorter ones."""
import base64
import json
import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("SEALDESK_BUILD", "build"))
SEED = int(os.environ.get("SEED", "3"))
AT = 1_795_000_000
RECEIVER = "mx.desk.example"
SHOWN = 8


def count(default):
    return int(os.environ.get("CASES", default))


def program():
    found = BUILD / "src/auth/auth_replay"
    if not found.exists():
        pytest.skip(f"{found} is not built")
    return found


def octets(text):
    """Our runner reads one character as one octet."""
    return text.decode("latin-1") if isinstance(text, bytes) else text


def case(zone, ip="192.0.2.9", helo="mail.sender.example", sender="", at=AT, message=None):
    line = {"zone": zone, "ip": ip, "helo": helo, "from": octets(sender), "at": at}
    if message is not None:
        line["message"] = base64.b64encode(message).decode()
    return line


def judge(cases):
    """Our judgement of every case."""
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    done = subprocess.run([program()], input=lines.encode(), capture_output=True, check=False)
    assert done.returncode == 0, f"auth_replay ended with {done.returncode} (seed {SEED}): {done.stdout[-300:]!r} {done.stderr!r}"
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases)
    return answers


class Rules:
    """By what differences are recognised: a condition, and the clause for which ours is right."""

    def __init__(self):
        self.rules = []

    def rule(self, clause):
        def add(function):
            self.rules.append((clause, function))
            return function
        return add

    def explain(self, *difference):
        return next((clause for clause, recognises in self.rules if recognises(*difference)), None)


def keys(case):
    """The zone's TXT records for dkimpy, which asks by bytes."""
    records = {name + ".": "".join(types["TXT"][0]) for name, types in case["zone"].items()}
    return lambda name, timeout=5: records.get(name.decode("latin-1").lower(), "").encode()


class Tally:
    """Counts cases by outcome, and differences by the rule that explains them."""

    def __init__(self, name):
        self.name, self.cases, self.results, self.explained, self.unexplained = name, 0, {}, {}, []

    def same(self, result):
        self.cases += 1
        self.results[result] = self.results.get(result, 0) + 1

    def differs(self, rule, what):
        self.cases += 1
        if rule:
            self.explained[rule] = self.explained.get(rule, 0) + 1
        else:
            self.unexplained.append(what)

    def end(self):
        print(f"\n{self.name}: {self.cases} cases, seed {SEED}; the same: {self.results}")
        for rule, n in sorted(self.explained.items()):
            print(f"  {n:5d} differ, explained: {rule}")
        for what in self.unexplained[:SHOWN]:
            print("  NOT explained:", what)
        assert not self.unexplained, f"{len(self.unexplained)} unexplained differences (SEED={SEED})"
