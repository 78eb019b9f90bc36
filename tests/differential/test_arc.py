"""ARC beside Debian's python3-dkim: chains of one to four sets sealed with its primitives, whole or changed afterwards, verified by
both. A difference is a failure of this test unless a rule below recognises it, and each rule names the clause by which ours is
right (RFC 8617, where no other is named)."""
import base64
import logging
import random
import re
import time

import pytest

import replay

dkim = pytest.importorskip("dkim", reason="Debian's python3-dkim is not installed")
from dkim.canonicalization import CanonicalizationPolicy  # noqa: E402
from dkim.crypto import HASH_ALGORITHMS, RSASSA_PKCS1_v1_5_sign  # noqa: E402
from test_dkim import added, body, duplicated, fields_of, flip_case, header, insert, refolded, removed, rsa, shuffled  # noqa: E402

CASES = 300
LONGEST = 4
ALGORITHM = b"rsa-sha256"
RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
SEALER = re.compile(rb"^(ARC-Seal|ARC-Message-Signature|ARC-Authentication-Results):", re.I)
logging.getLogger("dkim").setLevel(logging.CRITICAL)
logging.getLogger("dkimpy").setLevel(logging.CRITICAL)


def folded(value):
    return b"\r\n ".join(value[i:i + 60] for i in range(0, len(value), 60))


def arc_fields(message):
    """The sets as they stand: (instance, kind, whole field), oldest first, in the order of §5.1.1."""
    order = {b"arc-authentication-results": 0, b"arc-message-signature": 1, b"arc-seal": 2}
    found = []
    for field in fields_of(message)[0]:
        if SEALER.match(field):
            instance = re.search(rb"[\s;:]i=(\d+)", field)
            found.append((int(instance[1]), order[field.partition(b":")[0].lower()], field))
    return sorted(found)


def sealed(fields, private):
    """Of the fields in their order, the last one an ARC-Seal with an empty b=."""
    pairs = [(name, value + b"\r\n") for name, _, value in (f.partition(b":") for f in fields)]
    data = b"".join(name + b":" + value for name, value in RELAXED.canonicalize_headers(pairs))
    digest = HASH_ALGORITHMS[ALGORITHM]()
    digest.update(data[:-2])
    return fields[-1] + folded(base64.b64encode(RSASSA_PKCS1_v1_5_sign(digest, private)))


def message_signature(dice, message, instance, tags):
    signer = dkim.ARC(message)
    signer.hasher = HASH_ALGORITHMS[ALGORITHM]
    there = [name.lower() for name, _ in signer.headers if not name.lower().startswith(b"arc-")]
    names = [b"from"] + [n for n in there if n != b"from" and dice.random() < 0.6] + [n for n in (b"subject", b"x-absent") if dice.random() < 0.3]
    canonical = dice.choice([b"relaxed/relaxed"] * 12 + [b"relaxed/simple", b"simple/simple", b"simple/relaxed", None])
    policy = CanonicalizationPolicy.from_c_value(canonical) if canonical else RELAXED
    digest = signer.hasher(policy.canonicalize_body(signer.body)).digest()
    fields = [(b"i", str(instance).encode()), (b"a", ALGORITHM)] + ([(b"c", canonical)] if canonical else []) + tags
    fields += [(b"h", b":".join(names)), (b"bh", base64.b64encode(digest)), (b"b", b"0" * 60)]
    private, _ = rsa(1024)
    return b"ARC-Message-Signature: " + signer.gen_header(fields, tuple(names), policy, b"ARC-Message-Signature", private).rstrip()


def add_set(dice, message, instance, zone):
    """A further set, as a sealer puts it on top; now and then one that a sealer must not make."""
    domain = dice.choice([b"list.example", b"forward.example", b"Sub.List.Example"])
    private, public = rsa(dice.choice([1024] * 8 + [2048, 768]))
    selector = dice.choice([b"s1", b"s2"])
    zone[f"{selector.decode()}._domainkey.{domain.decode().lower()}"] = {"TXT": [[(record := f"v=DKIM1; k=rsa; p={rsa(1024)[1]}")[:200], record[200:]]]}
    seal_selector = b"seal" + selector + str(instance).encode()
    zone[f"{seal_selector.decode()}._domainkey.{domain.decode().lower()}"] = {"TXT": [[(record := f"v=DKIM1; p={public}")[:200], record[200:]]]}
    times = [(b"t", str(replay.AT - 60).encode())] if dice.random() < 0.7 else []
    signature = message_signature(dice, message, instance, [(b"d", domain), (b"s", selector)] + times)
    results = b"ARC-Authentication-Results: i=%d; mx.%s; dmarc=%s header.from=sender.example" % (instance, domain.lower(), dice.choice([b"pass", b"fail"]))
    status = b"none" if instance == 1 else b"pass"
    if dice.random() < 0.06:
        status = dice.choice([b"none", b"pass", b"fail", b"maybe"])
    seal = b"ARC-Seal: i=%d; a=%s; cv=%s; d=%s; s=%s%s;\r\n b=" % (instance, ALGORITHM, status, domain, seal_selector, b"; t=%d" % replay.AT if times else b"")
    whole = [field for _, _, field in arc_fields(message)] + [results, signature, seal]
    return b"\r\n".join([sealed(whole, private), signature, results, message])


# ---- what is done to a chain afterwards ----

def one_of(kind, change):
    """Changes one field of that kind."""
    def changed(dice, m):
        fields, rest = fields_of(m)
        places = [i for i, f in enumerate(fields) if f.lower().startswith(kind)]
        if places:
            at = dice.choice(places)
            fields[at:at + 1] = change(dice, fields[at])
        return b"\r\n".join(fields) + b"\r\n\r\n" + rest
    return changed


def in_value(pattern, to):
    return lambda dice, f: [re.sub(pattern, to, f, count=1, flags=re.I)]


def set_removed(dice, m):
    fields, rest = fields_of(m)
    instances = sorted({i for i, _, _ in arc_fields(m)})
    gone = b"i=%d;" % dice.choice(instances)
    return b"\r\n".join(f for f in fields if not (SEALER.match(f) and gone in f)) + b"\r\n\r\n" + rest


def arc_upside_down(dice, m):
    fields, rest = fields_of(m)
    arc = [f for f in fields if SEALER.match(f)]
    dice.shuffle(arc)
    return b"\r\n".join(arc + [f for f in fields if not SEALER.match(f)]) + b"\r\n\r\n" + rest


SEAL, SIGNATURE, RESULTS = b"arc-seal:", b"arc-message-signature:", b"arc-authentication-results:"
CHANGES = {
    "none": lambda dice, m: m,
    "body": lambda dice, m: m + b"more\r\n",
    "case": flip_case,
    "byte": insert([b"a", b"=", b";", b" ", b"\r\n "]),
    "folding": refolded,
    "order": shuffled,
    "order of the ARC fields": arc_upside_down,
    "duplicate": duplicated,
    "added": added,
    "removed": removed,
    "a set removed": set_removed,
    "results": one_of(RESULTS, in_value(rb"dmarc=\w+", b"dmarc=pass reason=x")),
    "results of another instance": one_of(RESULTS, in_value(rb"i=\d+", b"i=9")),
    "results twice": one_of(RESULTS, lambda dice, f: [f, f]),
    "seal gone": one_of(SEAL, lambda dice, f: []),
    "seal of another status": one_of(SEAL, in_value(rb"cv=\w+", b"cv=none")),
    "seal of another domain": one_of(SEAL, in_value(rb"d=[\w.]+", b"d=evil.example")),
    "seal with h=": one_of(SEAL, in_value(rb"a=rsa", b"h=from; a=rsa")),
    "seal with a time": one_of(SEAL, in_value(rb"; cv=", b"; t=1; cv=")),
    "signature of another domain": one_of(SIGNATURE, in_value(rb"d=[\w.]+", b"d=evil.example")),
    "signature with sha1": one_of(SIGNATURE, in_value(rb"rsa-sha256", b"rsa-sha1")),
    "signature twice": one_of(SIGNATURE, lambda dice, f: [f, f]),
    "instance 0": one_of(SEAL, in_value(rb"i=\d+", b"i=0")),
    "instance 51": one_of(SIGNATURE, in_value(rb"i=\d+", b"i=51")),
}
PICK = ["none"] * 10 + ["order of the ARC fields"] * 3 + ["folding"] * 2 + list(CHANGES)


def make_case(dice):
    message, zone = header(dice) + b"\r\n" + body(dice), {}
    for instance in range(1, dice.choice([1, 1, 2, 2, 3, LONGEST]) + 1):
        message = add_set(dice, message, instance, zone)
    change = dice.choice(PICK)
    return replay.case(zone, message=CHANGES[change](dice, message)), change


def verify(case, message):
    try:
        status, _, why = dkim.arc_verify(message, dnsfunc=replay.keys(case))
        return status == b"pass", f"{status} {why}"
    except (dkim.DKIMException, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError) as x:
        return False, f"{type(x).__name__}: {x}"


RULES = replay.Rules()
rule = RULES.rule


@rule("RFC 5322 §2.2: a line of the header that is no field: dkimpy reads no such message; ours checks the chain, and the ambiguity forbids verified")
def _(message, ours, theirs, text):
    return text.startswith("MessageFormatError: Unexpected characters in RFC822 header") and ours["ambiguities"] and ours["trust"] != "verified"


@rule("RFC 6376 §3.4.4: white space at the end of a last line without CRLF is ignored too")
def _(message, ours, theirs, text):
    return message.endswith((b" ", b"\t")) and (theirs or "did not validate" in text)


@rule("§5.1.1: seals cover the sets in the order of their instances, wherever they stand; dkimpy takes them from the bottom up")
def _(message, ours, theirs, text):
    standing = [re.search(rb"[\s;:]i=(\d+)", f)[1] for f in fields_of(message)[0] if SEALER.match(f)]
    return ours["result"] == "pass" and "did not validate" in text and standing != sorted(standing, reverse=True)


@rule("RFC 6376 §8.15: a second From: dkimpy adds it to h=; ours says pass, partial, and no such chain explains a failure")
def _(message, ours, theirs, text):
    return ours["result"] == "pass" and ours["trust"] != "verified" and len(re.findall(rb"^from[ \t]*:", message.split(b"\r\n\r\n")[0], re.M | re.I)) > 1


def explain(*of):
    return RULES.explain(*of)


def test_verification(monkeypatch):
    dice = random.Random(replay.SEED)
    replay.program()
    monkeypatch.setattr(time, "time", lambda: replay.AT)
    made = [make_case(dice) for _ in range(replay.count(CASES))]
    tally = replay.Tally("ARC")
    for (case, change), judgement in zip(made, replay.judge([case for case, _ in made])):
        message = base64.b64decode(case["message"])
        ours = dict(judgement["arc"], ambiguities=judgement["ambiguities"], trust=judgement["trust"]["level"])
        theirs, text = verify(case, message)
        if (ours["result"] == "pass") == theirs:
            tally.same(f"{change}: {'pass' if theirs else 'not'}")
        else:
            tally.differs(explain(message, ours, theirs, text), f"{change}: ours {ours['result']} ({ours['reason']}), dkimpy {theirs} {text}\n      {message!r}")
    tally.end()
    assert any(k.endswith(": pass") for k in tally.results)
