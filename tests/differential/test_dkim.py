"""DKIM beside Debian's python3-dkim: random messages signed by it in every way, whole or changed afterwards, verified by both. A
difference is a failure of this test unless a rule below recognises it, and each rule names the clause by which ours is right."""
import base64
import random
import re
import subprocess
import time

import pytest

import replay

dkim = pytest.importorskip("dkim", reason="Debian's python3-dkim is not installed")
pytest.importorskip("nacl.signing", reason="Debian's python3-nacl is not installed")
from dkim.canonicalization import CanonicalizationPolicy  # noqa: E402
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key  # noqa: E402

CASES = 1500
DOMAIN = b"sender.example"
WORDS = b"the parcel is late please answer soon order 4711 refund invoice = . ; : b=x".split()
NAMES = [b"To", b"Cc", b"Subject", b"Date", b"Message-ID", b"Reply-To", b"MIME-Version", b"Content-Type", b"X-Mailer", b"List-Id", b"Received", b"x-odd_name"]
RSA = {}


def rsa(bits):
    if bits not in RSA:
        pem = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True, check=True).stdout
        der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
        RSA[bits] = parse_pem_private_key(pem), base64.b64encode(der).decode()
    return RSA[bits]


def ed25519():
    if "ed" not in RSA:
        key = dkim.nacl.signing.SigningKey(bytes(range(32)))
        RSA["ed"] = key, base64.b64encode(bytes(key.verify_key)).decode()
    return RSA["ed"]


def white(dice):
    return dice.choice([b" "] * 12 + [b"  ", b"\t", b" \t ", b"\r\n ", b"\r\n\t", b" \r\n  ", b""])


def text(dice, n):
    return b"".join(dice.choice(WORDS) + white(dice) for _ in range(dice.randrange(1, n)))


def header(dice):
    fields = [b"From:" + white(dice) + b"Robin <robin@sender.example>" + dice.choice([b"", b" ", b"\t "])]
    for name in dice.sample(NAMES, dice.randrange(2, 9)):
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            cased = dice.choice([name, name, name.upper(), name.lower()])
            fields.append(cased + b":" + white(dice) + text(dice, 12).rstrip(b"\r\n\t "))
    dice.shuffle(fields)
    return b"".join(field + b"\r\n" for field in fields)


def body(dice):
    kind = dice.random()
    if kind < 0.12:
        return dice.choice([b"", b"\r\n", b"\r\n\r\n", b" \r\n", b"x", b"x \r\n", b" ", b"\t\r\n\r\n"])
    lines = [dice.choice([b"", b" ", b"\t", b" lead", b"a  b\tc", b"trail  ", b"dots .", b"..", b"8bit \xc3\xa4\xff", text(dice, 15).replace(b"\r\n", b"")])
             for _ in range(dice.randrange(1, 12))]
    return b"\r\n".join(lines) + dice.choice([b"\r\n", b"\r\n", b"\r\n", b"", b"\r\n\r\n\r\n", b" \r\n \r\n"])


def names_to_sign(dice, message):
    there = [m.lower() for m in re.findall(rb"^([!-9;-~]+):", message.split(b"\r\n\r\n")[0] + b"\r\n", re.M)]
    names = [b"from"] + [n for n in there if n != b"from" and dice.random() < 0.7]
    names += [n for n in (b"from", b"subject", b"to", b"x-absent") if dice.random() < 0.3]  # oversigned
    dice.shuffle(names)
    return names


def key_record(dice, kind, public):
    extra = dice.choice([""] * 40 + ["; t=y", "; t=s", "; s=email", "; s=*", "; s=other", "; h=sha256", "; h=sha1", "; h=sha1:sha256", "; n=note", "; t=y:s"])
    version = dice.choice(["v=DKIM1; ", "v=DKIM1; ", "v=DKIM1;", ""])
    return version + (f"k={kind}; " if kind != "rsa" or dice.random() < 0.6 else "") + dice.choice(["p=" + public] * 30 + ["p=", "p=" + public[:-8]]) + extra


def sign(dice, message):
    """The field and the zone for it."""
    algorithm, kind, (private, public) = dice.choice([(b"rsa-sha256", "rsa", rsa(1024))] * 20 + [(b"rsa-sha256", "rsa", rsa(2048)), (b"rsa-sha256", "rsa", rsa(2048)),
                                                     (b"rsa-sha256", "rsa", rsa(768)), (b"rsa-sha1", "rsa", rsa(1024))] + [(b"ed25519-sha256", "ed25519", ed25519())] * 12)
    signer = dkim.DKIM(message, signature_algorithm=algorithm)
    policy = CanonicalizationPolicy.from_c_value(dice.choice([b"relaxed/relaxed", b"relaxed/simple", b"simple/relaxed", b"simple/simple", b"relaxed", b"simple"]))
    signer.hasher = HASH_ALGORITHMS[algorithm]
    content = policy.canonicalize_body(signer.body)
    length = dice.choice([None] * 8 + [len(content), len(content) // 2, 0])
    names = names_to_sign(dice, message)
    fields = [(b"v", b"1"), (b"a", algorithm), (b"c", policy.to_c_value()), (b"d", dice.choice([DOMAIN, DOMAIN, b"Sender.Example", b"sub.sender.example"])), (b"s", b"sel")]
    domain = dict(fields)[b"d"]
    chance = dice.random()
    if chance < 0.3:
        fields.append((b"i", dice.choice([b"@" + domain, b"robin@" + domain] * 8 + [b"@mail." + domain, b"@other.example", b"@xsender.example", b"robin=40@" + domain])))
    if dice.random() < 0.4:
        fields.append((b"t", str(replay.AT + dice.choice([-200000, -5, 0, 600] * 6 + [10000, 50000])).encode()))
    if dice.random() < 0.3:
        fields.append((b"x", str(replay.AT + dice.choice([100000, 5000] * 6 + [-20000, -100000])).encode()))
    if dice.random() < 0.2:
        fields.append((b"q", b"dns/txt"))
    if dice.random() < 0.2:
        fields.append((b"z", b"From:robin@sender.example|Subject:x"))
    if length is not None:
        fields.append((b"l", str(length).encode()))
    digest = signer.hasher(content if length is None else content[:length]).digest()
    fields += [(b"h", dice.choice([b":", b" : ", b": "]).join(names)), (b"bh", base64.b64encode(digest)), (b"b", b"0" * 60)]
    if dice.random() < 0.2:
        fields.insert(3, fields.pop(1))
    field = b"DKIM-Signature: " + signer.gen_header(fields, tuple(names), policy, b"DKIM-Signature", private)
    zone = {f"sel._domainkey.{domain.decode().lower()}": {"TXT": [[(record := key_record(dice, kind, public))[:200], record[200:]]]}}
    return field, zone


def flip_case(dice, m):
    at = dice.randrange(len(m))
    return m[:at] + m[at:at + 1].swapcase() + m[at + 1:]


def insert(what):
    return lambda dice, m: m[:(at := dice.randrange(len(m) + 1))] + dice.choice(what) + m[at:]


def fields_of(m):
    top, _, rest = m.partition(b"\r\n\r\n")
    return re.split(rb"\r\n(?![ \t])", top), rest


def shuffled(dice, m):
    fields, rest = fields_of(m)
    dice.shuffle(fields)
    return b"\r\n".join(fields) + b"\r\n\r\n" + rest


def duplicated(dice, m):
    fields, rest = fields_of(m)
    fields.insert(dice.randrange(len(fields) + 1), dice.choice(fields))
    return b"\r\n".join(fields) + b"\r\n\r\n" + rest


def added(dice, m):
    fields, rest = fields_of(m)
    fields.insert(dice.randrange(len(fields) + 1), dice.choice([b"From: eve@evil.example", b"Subject: other", b"X-New: 1", b"To: eve@evil.example", b"Content-Type: text/html"]))
    return b"\r\n".join(fields) + b"\r\n\r\n" + rest


def removed(dice, m):
    fields, rest = fields_of(m)
    fields.pop(dice.randrange(len(fields)))
    return b"\r\n".join(fields) + b"\r\n\r\n" + rest


def refolded(dice, m):
    spaces = [i for i, c in enumerate(m) if c in b" \t"]
    if not spaces:
        return m
    at = dice.choice(spaces)
    return m[:at] + dice.choice([b"\r\n ", b"  ", b"\t", b"\r\n\t "]) + m[at + 1:]


CHANGES = {
    "none": lambda dice, m: m,
    "truncated": lambda dice, m: m[:dice.randrange(1, len(m))],
    "case": flip_case,
    "white space": insert([b" ", b"\t", b"  "]),
    "NUL": insert([b"\0"]),
    "byte": insert([b"a", b"=", b";", b":", b"\xff", b"\r\n"]),
    "bare line end": insert([b"\r", b"\n"]),
    "end": lambda dice, m: m + dice.choice([b"\r\n", b"\r\n\r\n", b" ", b"more\r\n", b" \r\n", b"\t"]),
    "folding": refolded,
    "order": shuffled,
    "duplicate": duplicated,
    "added": added,
    "removed": removed,
}
PICK = ["none"] * 14 + ["folding"] * 4 + ["order"] * 4 + [k for k in CHANGES if k != "none"] * 2


def make_case(dice):
    message = header(dice) + b"\r\n" + body(dice)
    field, zone = sign(dice, message)
    change = dice.choice(PICK)
    return replay.case(zone, message=CHANGES[change](dice, field + message)), change


def verify(case, message, now):
    """What python3-dkim says of the first signature."""
    try:
        verifier = dkim.DKIM(message)
        return verifier.verify(0, dnsfunc=replay.keys(case)), ""
    except (dkim.DKIMException, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError) as x:
        return False, f"{type(x).__name__}: {x}"


RULES = replay.Rules()
rule = RULES.rule


@rule("§3.6.1, §6.1.2: the key's h= does not allow sha256")
def _(message, ours, theirs, text, record):
    return ours["reason"] == "the key is not for sha256" and re.search(r"h=sha1\s*$", record)


@rule("RFC 8301 §3.1: rsa-sha1 verifies nothing")
def _(message, ours, theirs, text, record):
    return signature_tags(message).get(b"a") == b"rsa-sha1" and not ours["result"] == "pass"


@rule("§3.6.1: t=s allows no subdomain in i=")
def _(message, ours, theirs, text, record):
    return ours["result"] != "pass" and re.search(r"t=[^;]*s", record) and not signature_tags(message).get(b"i", b"@" + signature_tags(message)[b"d"]).endswith(b"@" + signature_tags(message)[b"d"])


@rule("§3.6.1: the key's s= is not for e-mail")
def _(message, ours, theirs, text, record):
    return ours["result"] != "pass" and "s=other" in record


@rule("§8.15: a second From: dkimpy adds it to h=; ours says pass, repeated, and DMARC does not count it")
def _(message, ours, theirs, text, record):
    return ours["result"] == "pass" and ours["repeated"] and len(re.findall(rb"^from[ \t]*:", message.split(b"\r\n\r\n")[0], re.M | re.I)) > 1


@rule("§3.4.4: white space at the end of a last line without CRLF is ignored too")
def _(message, ours, theirs, text, record):
    relaxed = (signature_tags(message).get(b"c", b"simple") + b"/simple").split(b"/")[1] == b"relaxed"
    return relaxed and message.endswith((b" ", b"\t"))


@rule("§3.5: t= more than an hour ahead, x= past: no leeway of ten hours")
def _(message, ours, theirs, text, record):
    tags = signature_tags(message)
    return ours["result"] != "pass" and (int(tags.get(b"t", 0)) > replay.AT + 3600 or int(tags.get(b"x", replay.AT)) < replay.AT)


@rule("§2.8, §3.4, RFC 5322 §2.3: a bare CR is no white space, a bare LF ends no line; dkimpy strips the one and makes the other CRLF")
def _(message, ours, theirs, text, record):
    return re.search(rb"(?<!\r)\n|\r(?!\n)", message)


@rule("RFC 5322 §2.2: a line of the header that is no field: dkimpy reads no such message; ours checks what is signed, and the ambiguity forbids verified")
def _(message, ours, theirs, text, record):
    return text.startswith("MessageFormatError: Unexpected characters in RFC822 header") and ours["ambiguities"] and ours["trust"] != "verified"


def explain(*of):
    return RULES.explain(*of)


def signature_tags(message):
    found = re.search(rb"^DKIM-Signature:((?:[^\r]|\r\n[ \t])*)", message, re.M | re.I)
    return {k.strip(): v.strip() for k, _, v in (t.partition(b"=") for t in found[1].split(b";"))} if found else {}


def test_verification(monkeypatch):
    dice = random.Random(replay.SEED)
    replay.program()
    monkeypatch.setattr(time, "time", lambda: replay.AT)
    made = [make_case(dice) for _ in range(replay.count(CASES))]
    tally = replay.Tally("DKIM")
    for (case, change), judgement in zip(made, replay.judge([case for case, _ in made])):
        message = base64.b64decode(case["message"])
        ours = judgement["dkim"][0] if judgement["dkim"] else {"result": "none", "reason": "", "repeated": False}
        ours = dict(ours, ambiguities=judgement["ambiguities"], trust=judgement["trust"]["level"])
        theirs, text_of_theirs = verify(case, message, replay.AT)
        if (ours["result"] == "pass") == theirs:
            tally.same(f"{change}: {'pass' if theirs else 'not'}")
        else:
            record = "".join(next(iter(case["zone"].values()))["TXT"][0])
            tally.differs(explain(message, ours, theirs, text_of_theirs, record),
                          f"{change}: ours {ours['result']} ({ours['reason']}), dkimpy {theirs} {text_of_theirs}\n      {re.sub('p=[^;]+', 'p=...', record)}\n      {message!r}")
    tally.end()
