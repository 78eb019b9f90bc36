"""SPF beside Debian's python3-spf: random records over random zones, both answering from the same table. A difference is a failure of
this test unless a rule below recognises it, and each rule names the clause by which ours is right."""
import random
import re
import time

import pytest

import replay

spf = pytest.importorskip("spf", reason="Debian's python3-spf is not installed")

CASES = 2000
DOMAINS = [f"d{i}.example" for i in range(7)]
HOSTS = [f"h{i}.example" for i in range(8)] + ["empty.example", "gone.example", "dead.example"]
CLIENTS = ["192.0.2.9", "192.0.2.130", "198.51.100.7", "2001:db8::9", "2001:db8:1::7"]
LOCALS = ["alice", "a-b-c", "x+y", "list=bounce.1", "", "o'hara", "q%r"]


class Zone:
    """name -> {type: [value]} or "SERVFAIL"; wildcards and empty non-terminals as in the DNS (RFC 4592, RFC 8020)."""

    def __init__(self, names):
        self.names = names

    def owner(self, name):
        def exists(n):
            return any(k == n or k.endswith("." + n) for k in self.names)
        if exists(name):
            return name
        while "." in name:
            name = name.split(".", 1)[1]
            if exists(name):
                return "*." + name if "*." + name in self.names else None
        return None

    def lookup(self, name, kind):
        at = self.owner(name.lower().rstrip("."))
        found = self.names.get(at, {}) if at else {}
        if found == "SERVFAIL":
            raise spf.TempError("DNS: scripted failure of " + name)
        values = found.get(kind, [])
        return [tuple(v) if kind == "MX" else [part.encode() for part in v] if kind == "TXT" else v for v in values]


def prefix(dice, longest):
    return "" if dice.random() < 0.5 else f"/{dice.choice([0, 8, 24, 25, 31, 32] if longest == 32 else [0, 32, 48, 64, 127, 128])}"


def domain_spec(dice):
    """Mostly good, with every macro; now and then a syntax error."""
    kind = dice.random()
    if kind < 0.55:
        return dice.choice(HOSTS + DOMAINS[:2])
    if kind < 0.60:
        return dice.choice(["%{x}.d1.example", "%(i).d1.example", "a.%", "%{d0}.example", "%{d", "nodot", "192.0.2.9", "a..example", "d1.-x",
                            "%{i}.example.123", "%{c}.d1.example", "h1.example:25", "", "%{s@}.example", "-.d1.e-x", "x.d1.e_x"])
    letter = dice.choice("sloidhvp" + "SLOIDHV")
    macro = "%{" + letter + dice.choice(["", "", "1", "2", "3", "128"]) + dice.choice(["", "", "r"]) + dice.choice(["", "", "-", "+-", ".", "=+.-/,_"]) + "}"
    extra = dice.choice(["", "", "", "%{ir}.", "%{l}.", "%%", "%-", "%{h2}."])
    return extra + macro + dice.choice([".ex.example", "._spf.ex.example", "", ".d1.example", ".%{d2}", "." + "l" * 63 + ".ex.example", "." + "m" * 64 + ".ex.example"])


def term(dice, depth):
    qualifier = dice.choice(["", "", "", "+", "-", "~", "?"])
    kind = dice.random()
    if kind < 0.16:
        return qualifier + "a" + dice.choice(["", ":" + domain_spec(dice)]) + prefix(dice, 32) + ("/" + p if (p := prefix(dice, 128)) else "")
    if kind < 0.28:
        return qualifier + "mx" + dice.choice(["", ":" + domain_spec(dice)]) + prefix(dice, 32) + ("/" + p if (p := prefix(dice, 128)) else "")
    if kind < 0.40:
        return qualifier + "ip4:" + dice.choice(["192.0.2.9", "192.0.2.128", "198.51.100.0", "203.0.113.1"]) + prefix(dice, 32)
    if kind < 0.48:
        return qualifier + "ip6:" + dice.choice(["2001:db8::9", "2001:db8::", "2001:DB8:1::", "::ffff:192.0.2.9", "::"]) + prefix(dice, 128)
    if kind < 0.58:
        return qualifier + "exists:" + domain_spec(dice)
    if kind < 0.72:
        return qualifier + "include:" + (dice.choice(DOMAINS[depth:]) if dice.random() < 0.85 else domain_spec(dice))
    if kind < 0.78:
        return qualifier + "ptr" + dice.choice(["", ":" + dice.choice(["example", "h1.example", "d0.example"]), ":" + domain_spec(dice)])
    if kind < 0.84:
        return "redirect=" + (dice.choice(DOMAINS[depth:]) if dice.random() < 0.8 else domain_spec(dice))
    if kind < 0.90:
        return "exp=" + dice.choice(["why.example", "two.example", "bad.example", "gone.example", "dead.example", domain_spec(dice)])
    if kind < 0.93:
        return dice.choice(["moo", "foo=bar", "foo=%{d}.x", "foo=%{x}", "f_o.o-1=", "1x=y", "-", "ip4", "ip4:", "ip4:192.0.2", "ip4:192.0.2.9/33", "ip4:192.0.2.09",
                            "ip6:zz::", "ip6:2001:db8::/129", "all:x", "all/8", "include", "exists", "a/033", "a//129", "mx/33", "ip4:192.0.2.9/024", "a:/24",
                            "ptr/24", "include:d1.example/24", "exists:h1.example/24", "ip4:1.2.3.4//64", "a:h1.example/24/64", "redirect=", "exp=", "%{d}", "A:H1.EXAMPLE", "Mx"])
    return qualifier + "all"


def record(dice, depth):
    if dice.random() < 0.03:
        return dice.choice(["v=spf1", "v=spf1 ", "V=SPF1 -all", "v=spf10 -all", "v=spf1\t-all", "v=spf1-all", "spf1 +all", "v=spf1  a  -all"])
    terms = [term(dice, depth) for _ in range(dice.choice([1, 1, 2, 2, 3, 4, 6, 12]))]
    if dice.random() < 0.6:
        terms.append(dice.choice(["-all", "~all", "?all", "+all"]))
    return "v=spf1 " + " ".join(terms)


def split_strings(dice, text):
    """A TXT record may be several strings; they are joined without a space (§3.3)."""
    if dice.random() < 0.8:
        return [text]
    at = dice.randrange(len(text) + 1)
    return [text[:at], text[at:]]


def make_zone(dice):
    names = {}
    for i, domain in enumerate(DOMAINS):
        chance = dice.random()
        if chance < 0.04:
            names[domain] = "SERVFAIL"
            continue
        texts = [] if chance < 0.09 else [record(dice, min(i + 1, 5))] * (2 if chance < 0.11 else 1)
        texts += ["something else"] * (dice.random() < 0.2)
        names[domain] = {"TXT": [split_strings(dice, t) for t in texts]}
        if dice.random() < 0.6:
            names[domain]["A"] = [dice.choice(CLIENTS[:3] + ["203.0.113.1"])]
        if dice.random() < 0.6:
            names[domain]["MX"] = [[10 * k, dice.choice(HOSTS + ["" if dice.random() < 0.1 else "h1.example"])] for k in range(dice.choice([1, 2, 3, 11]))]
    for host in HOSTS[:8]:
        names[host] = {"A": dice.sample(CLIENTS[:3] + ["203.0.113.1"], dice.randrange(0, 3)), "AAAA": dice.sample(CLIENTS[3:], dice.randrange(0, 2))}
        if dice.random() < 0.2:
            names[host]["MX"] = [[5, dice.choice(HOSTS)]]
    names["empty.example"] = {"TXT": [["nothing here"]]}
    names["dead.example"] = "SERVFAIL"
    names["*.ex.example"] = {"A": ["127.0.0.2"]} if dice.random() < 0.7 else {"TXT": [["v=spf1 +all"]]}
    names["why.example"] = {"TXT": [["%{i} is not of %{d}: see http://%{o}/?s=%{S}&h=%{h}%_100%%."]]}
    names["two.example"] = {"TXT": [["one"], ["two"]]}
    names["bad.example"] = {"TXT": [["%{nonsense"]]}
    for reverse in ["9.2.0.192.in-addr.arpa", "130.2.0.192.in-addr.arpa", "9." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"]:
        if dice.random() < 0.1:
            names[reverse] = "SERVFAIL"
        elif dice.random() < 0.8:
            names[reverse] = {"PTR": [dice.choice(HOSTS + DOMAINS) for _ in range(dice.choice([1, 1, 2, 12]))]}
    return names


def make_case(dice):
    zone = make_zone(dice)
    sender = f"{local}@{dice.choice(DOMAINS[:2])}" if (local := dice.choice(LOCALS)) or dice.random() < 0.5 else ""
    return replay.case(zone, dice.choice(CLIENTS), dice.choice(DOMAINS[:3] + HOSTS[:2]), sender)


def ask(kind, case):
    zone = Zone(case["zone"])
    spf.DNSLookup = lambda name, qtype, *_: [((name, qtype), value) for value in zone.lookup(name, qtype)]
    query = kind(case["ip"], case["from"], case["helo"], receiver=replay.RECEIVER, strict=True)
    try:
        result, _, text = query.check()
    except (AssertionError, ValueError, IndexError, TypeError, AttributeError, RecursionError) as x:
        return "crash", f"{type(x).__name__}: {x}", query
    return result, text, query


def records_text(case):
    return " ".join("".join(t) for types in case["zone"].values() if types != "SERVFAIL" for t in types.get("TXT", []))


def syntax_error(term):
    """The grammar of §12, written again: is this term, which we call an error, one?"""
    macro = r"(?:%\{[slodiphv](?:0*[1-9]\d*)?r?[-.+,/_=]*\}|%%|%_|%-|[\x21-\x24\x26-\x7e])"
    label = r"(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])"
    spec = rf"(?:{macro}*(?:\.{label}\.?|%\{{[slodiphv](?:0*[1-9]\d*)?r?[-.+,/_=]*\}}|%%|%_|%-))"
    ip4 = r"(?:/(?:\d|[12]\d|3[0-2]))?"
    ip6 = r"(?:/(?:\d|[1-9]\d|1[01]\d|12[0-8]))?"
    dual = rf"{ip4}(?:/{ip6})?"
    good = "|".join(["all", f"include:{spec}", f"exists:{spec}", f"ptr(?::{spec})?", f"(?:a|mx)(?::{spec})?{dual}",
                     rf"ip4:(?:\d{{1,3}}\.){{3}}\d{{1,3}}{ip4}", rf"ip6:[0-9a-f:.]+{ip6}"])
    if re.match(r"[a-z][a-z0-9_.-]*=", term, re.I):
        name, value = term.split("=", 1)
        return not re.fullmatch(spec if name.lower() in ("redirect", "exp") else f"{macro}*", value, re.I)
    return not re.fullmatch(f"[-+~?]?(?:{good})", term, re.I)


RULES = replay.Rules()
rule = RULES.rule


@rule("§7.1, §12: the term is a syntax error")
def _(case, ours, result, text, query):
    term = (ours["reason"] or "").partition("syntax error: ")[2]
    return ours["result"] == "permerror" and term and syntax_error(term)


@rule("§4.6: a record that includes itself is no syntax error: an earlier term may match")
def _(case, ours, result, text, query):
    return "trivial recursion" in text


@rule("§6.1: redirect is a look-up only when it is followed")
def _(case, ours, result, text, query):
    return "Too many DNS lookups" in text and "redirect=" in records_text(case)


@rule("§6: only redirect and exp may not repeat")
def _(case, ours, result, text, query):
    return re.search(r"(\S+)= MUST appear at most once", text) and not re.search(r"(redirect|exp)= MUST", text)


@rule("§6.2: an explanation with a syntax error is none")
def _(case, ours, result, text, query):
    return ours["result"] == result == "fail" and not ours["explanation"] and text == "%{nonsense"


@rule("§4.3: a sender without a local part is postmaster, in %{s} too")
def _(case, ours, result, text, query):
    return case["from"].startswith("@") and ours["explanation"].replace("postmaster", "") == text


class Name(str):
    """Not recognised as the current domain: an include of oneself is an error only when it is reached (§4.6)."""
    __hash__ = str.__hash__

    def __eq__(self, other):
        return False


class Lazy(spf.query):
    """pyspf with what it does ahead of time or beyond the text mended: MX hosts are asked for one by one until one matches (§5.4),
    a DNS error behind ptr is no name and not temperror, and of its names only those are asked for that could match (§5.5), and %{p},
    which is no term, counts no void look-ups (§4.6.4)."""

    def expand_domain(self, text):
        return Name(super().expand_domain(text))

    def cidrmatch(self, addresses, n):
        return any(super(Lazy, self).cidrmatch([address], n) for address in addresses)

    def dns_mx(self, name):
        hosts = self.dns(name, "MX")
        if len(hosts) > spf.MAX_MX:
            raise spf.PermError("too many MX")
        return (address for _, host in hosts for address in self.dns_a(host, self.A))

    def names(self, suits, silent):
        def ask(name, kind):
            try:
                return self.dns(name, kind, ignore_void=silent)
            except spf.TempError:
                return []
        reverse = f"{spf.reverse_dots(self.i)}.{self.v}.arpa"
        return [n for n in ask(reverse, "PTR")[:spf.MAX_PTR] if suits(n.lower()) and self.cidrmatch(ask(n, self.A), self.cidrmax)]

    def getp(self):
        self.p = None
        found = self.names(lambda n: True, True)
        near = [n for n in found if n == self.d] or [n for n in found if n.endswith("." + self.d)] or found
        self.p = near[0] if near else "unknown"
        return self.p

    def validated_ptrs(self):
        return self


def domainmatch(ptrs, suffix, original=spf.domainmatch):
    if not isinstance(ptrs, Lazy):
        return original(ptrs, suffix)
    return bool(ptrs.names(lambda n: n == suffix.lower() or n.endswith("." + suffix.lower()), False))


spf.domainmatch = domainmatch


@rule("§4.6.4, §5.4, §5.5: pyspf agrees once it asks only what the text says, when it says so")
def _(case, ours, result, text, query):
    return ask(Lazy, case)[0] == ours["result"]


def explain(case, ours, result, text, query):
    return RULES.explain(case, ours, result, text, query)


def test_results_and_explanations():
    dice = random.Random(replay.SEED)
    replay.program()
    cases = [make_case(dice) for _ in range(replay.count(CASES))]
    tally = replay.Tally("SPF")
    begin = time.monotonic()
    for case, judgement in zip(cases, replay.judge(cases)):
        ours = judgement["spf"]
        result, text, query = ask(spf.query, case)
        why = ours["explanation"] or spf.EXPLANATIONS["fail"]
        if ours["result"] == result and (result != "fail" or text == why):
            tally.same(result)
        else:
            domain = case["from"].split("@")[-1] or case["helo"]
            tally.differs(explain(case, ours, result, text, query),
                          f"{case['ip']} <{case['from']}> {case['helo']}: ours {ours['result']} ({ours['reason'] or ours['explanation']}), pyspf {result} ({text})\n"
                          f"      {domain}: {case['zone'].get(domain)}\n      zone {case['zone']}")
    print(f"{time.monotonic() - begin:.1f} s")
    tally.end()
