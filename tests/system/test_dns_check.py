"""`sealdesk dns check`: the world's DNS as a zone file, right first, then wrong in one way at a time."""
import json
import socket
import subprocess

import pytest

import desk

HOST = "mail.a.example"
NOTHING = "no such line"


def run(*args):
    return subprocess.run([desk.SEALDESK, *map(str, args)], capture_output=True, text=True, timeout=120)


class Installation:
    def __init__(self, folder):
        self.folder = folder
        done = run("init", folder / "data", "--hostname", HOST, "--domain", "a.example")
        assert done.returncode == 0, done.stderr
        self.conf = folder / "data/sealdesk.conf"
        self.lines = [line for line in done.stdout.splitlines() if " IN " in line]
        self.lines += [f"{HOST}. 300 IN A 192.0.2.1", f"{HOST}. 300 IN AAAA 2001:db8::1", f"1.2.0.192.in-addr.arpa. 300 IN PTR {HOST}.",
                       "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 300 IN PTR " + HOST + "."]

    def check(self, without=NOTHING, more=(), options=(), conf=None):
        """Exit status and findings, with every line left out that has `without` in it."""
        zone = self.folder / "zone"
        zone.write_text("\n".join([*(line for line in self.lines if without not in line), *more]) + "\n")
        args = ["dns", "check", "-c", conf or self.conf, "-o", f"dns.local_data={zone}", *[x for o in options for x in ("-o", o)]]
        done = run(*args, "--json")
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert set(said) == {"domains", "findings", "ok"} and said["ok"] == (done.returncode == 0)
        for f in said["findings"]:
            assert set(f) == {"severity", "id", "subject", "sentence", "publish"} and f["sentence"]
        people = run(*args)
        assert people.returncode == done.returncode and len(people.stdout.splitlines()) >= len(said["findings"])
        return done.returncode, said["findings"]

    def line(self, part):
        return next(line for line in self.lines if part in line)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("dns"))


def bad(findings):
    return {(f["severity"], f["id"]) for f in findings if f["severity"] not in ("ok", "note")}


def one(findings, name):
    found = [f for f in findings if f["id"] == name]
    assert len(found) == 1, findings
    return found[0]


def spf(text):
    return f'a.example. 300 IN TXT "{text}"'


def test_what_dns_prints_is_all_right_once_published(world):
    status, findings = world.check()
    assert status == 0 and not bad(findings)
    assert {f["id"] for f in findings} == {"host-address", "ptr-confirmed", "mx-here", "spf-lookups", "spf-permits", "dmarc-policy",
                                           "dkim-published"}
    assert sum(f["id"] == "dkim-published" for f in findings) == 2 and sum(f["id"] == "spf-permits" for f in findings) == 2
    assert [f["publish"] for f in findings] == [None] * len(findings)


@pytest.mark.parametrize("without,more,expected", [
    (" IN MX ", [], {("wrong", "mx-missing"), ("wrong", "spf-not-permitted")}),
    (" IN MX ", ["a.example. 300 IN MX 0 ."], {("wrong", "mx-null"), ("wrong", "spf-not-permitted")}),
    (" IN MX ", ["a.example. MX 10 mx.other.example.", "mx.other.example. A 192.0.2.1", "mx.other.example. AAAA 2001:db8::1"],
     {("warning", "mx-elsewhere")}),
    (NOTHING, ["a.example. MX 5 mx.other.example.", "mx.other.example. A 192.0.2.9", "mx.other.example. AAAA 2001:db8::9"],
     {("warning", "mx-not-first")}),
    (NOTHING, ["a.example. MX 20 mx.other.example.", "mx.other.example. A 192.0.2.9", "mx.other.example. AAAA 2001:db8::9"], set()),
    ("v=spf1", [], {("wrong", "spf-missing")}),
    (NOTHING, [spf("v=spf1 -all")], {("wrong", "spf-several")}),
    ("v=spf1", [spf("v=spf1 mx ipv4:192.0.2.1 -all")], {("wrong", "spf-syntax")}),
    ("v=spf1", [spf("v=spf1 mx")], {("warning", "spf-open-end")}),
    ("v=spf1", [spf("v=spf1 mx ?all")], {("warning", "spf-open-end")}),
    ("v=spf1", [spf("v=spf1 +all")], {("wrong", "spf-anybody")}),
    ("v=spf1", [spf("v=spf1 mx ~all")], set()),
    ("v=spf1", [spf("v=spf1 mx include:gone.example -all")], {("wrong", "spf-include-broken")}),
    ("v=spf1", [spf("v=spf1 mx include:b.example -all"), 'b.example. TXT "v=spf1 include:a.example -all"'], {("wrong", "spf-loop")}),
    ("v=spf1", [spf("v=spf1 mx include:slow.example -all"), "slow.example. TIMEOUT"], {("unknown", "spf-lookups-unknown")}),
    ("v=spf1", [spf("v=spf1 mx a:x.example a:y.example a:z.example -all")], {("wrong", "spf-void-lookups")}),
    ("v=DMARC1", [], {("wrong", "dmarc-missing")}),
    (NOTHING, ['_dmarc.a.example. TXT "v=DMARC1; p=none"'], {("wrong", "dmarc-several")}),
    ("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; p=none; rua=mailto:d@a.example"'], {("warning", "dmarc-none")}),
    ("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; p=reject; t=y"'], {("warning", "dmarc-testing")}),
    ("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; p=rejected"'], {("wrong", "dmarc-syntax")}),
    ("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; rua=mailto:d@a.example"'], {("wrong", "dmarc-no-policy")}),
    ("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; p=reject; rua=d@a.example"'], {("warning", "dmarc-rua")}),
    ("v=DMARC1", ["_dmarc.a.example. SERVFAIL"], {("unknown", "dmarc-unknown")}),
    (f"{HOST}. 300 IN A", [], {("wrong", "host-no-address")}),
    ("1.2.0.192.in-addr.arpa", [], {("wrong", "ptr-missing")}),
    ("1.2.0.192.in-addr.arpa", ["1.2.0.192.in-addr.arpa. PTR pool-1.net.example.", "pool-1.net.example. A 192.0.2.1"],
     {("warning", "ptr-other-name")}),
    ("1.2.0.192.in-addr.arpa", ["1.2.0.192.in-addr.arpa. PTR gone.example."], {("wrong", "ptr-not-confirmed")}),
    ("1.2.0.192.in-addr.arpa", ["1.2.0.192.in-addr.arpa. SERVFAIL"], {("unknown", "ptr-unknown")}),
    (NOTHING, ["mx.a.example. A 192.0.2.9"], set()),
])
def test_one_thing_at_a_time(world, without, more, expected):
    status, findings = world.check(without, more)
    assert bad(findings) == expected
    severities = {severity for severity, _ in expected}
    assert status == (1 if "wrong" in severities else 75 if "unknown" in severities else 0)


def test_what_is_missing_is_printed_as_the_line_to_publish(world):
    for part, name in (("v=spf1", "spf-missing"), ("v=DMARC1", "dmarc-missing"), (" IN MX ", "mx-missing")):
        _, findings = world.check(part)
        assert one(findings, name)["publish"] == world.line(part)
    _, findings = world.check("._domainkey.")
    missing = [f for f in findings if f["id"] == "dkim-missing"]
    assert {f["publish"] for f in missing} == {line for line in world.lines if "._domainkey." in line} and len(missing) == 2


def test_a_record_that_names_others_keeps_them(world):
    more = [spf("v=spf1 include:b.example -all"), 'b.example. TXT "v=spf1 ip4:192.0.2.99 -all"']
    _, findings = world.check("v=spf1", more)
    wanted = {f["publish"] for f in findings if f["id"] == "spf-not-permitted"}
    assert wanted == {'a.example. 3600 IN TXT "v=spf1 ip4:192.0.2.1 include:b.example -all"',
                      'a.example. 3600 IN TXT "v=spf1 ip6:2001:db8::1 include:b.example -all"'}


def test_look_ups_are_counted_through_includes_and_named(world):
    def chain(n):
        return [f'big.example. TXT "v=spf1 {" ".join(f"include:n{i}.big.example" for i in range(n))} ~all"',
                *[f'n{i}.big.example. TXT "v=spf1 ip4:198.51.100.{i} ~all"' for i in range(n)]]
    status, findings = world.check("v=spf1", [spf("v=spf1 mx include:big.example -all"), *chain(8)])
    assert status == 0 and "10 of at most 10" in one(findings, "spf-lookups")["sentence"]
    status, findings = world.check("v=spf1", [spf("v=spf1 mx include:big.example -all"), *chain(9)])
    sentence = one(findings, "spf-many-lookups")["sentence"]
    assert status == 1 and "11 DNS look-ups" in sentence and "mx 1" in sentence and "include:big.example 10" in sentence
    status, findings = world.check("v=spf1", [spf("v=spf1 mx redirect=big.example"), *chain(9)])
    assert status == 1 and "redirect 10" in one(findings, "spf-many-lookups")["sentence"]
    doubling = [f'd{i}.example. TXT "v=spf1 include:d{i + 1}.example include:d{i + 1}.example -all"' for i in range(11)]
    status, findings = world.check("v=spf1", [spf("v=spf1 mx include:d0.example -all"), *doubling])
    assert status == 1 and "more than 64" in one(findings, "spf-many-lookups")["sentence"] and len(findings) < 100


def test_each_key_is_compared(world):
    rsa, ed = world.line("k=rsa"), world.line("k=ed25519")
    for old, new, name in ((rsa, rsa.split('"')[0] + '"v=DKIM1; k=rsa; p="', "dkim-revoked"),
                           (ed, ed.replace("p=", "p=AAAA"), "dkim-different"), (ed, ed.replace("k=ed25519", "k=rsa"), "dkim-different"),
                           (ed, ed.replace("; p=", "; h=sha1; p="), "dkim-restricted"),
                           (ed, ed.replace("v=DKIM1", "v=DKIM2"), "dkim-unreadable"),
                           (ed, ed.split(" ")[0] + " TIMEOUT", "dkim-unknown")):
        status, findings = world.check(old.split(" ")[0], [new])
        found = one(findings, name)
        assert found["subject"] == old.split(".")[0] + "._domainkey.a.example" and old.split(".")[0] in found["sentence"]
        assert status == (75 if name == "dkim-unknown" else 1)
    _, findings = world.check(ed.split(" ")[0], [ed.replace("; p=", "; t=y; p=")])
    assert bad(findings) == {("warning", "dkim-testing")}
    _, findings = world.check(NOTHING, [rsa.replace("p=", "p=AAAA")])
    assert bad(findings) == {("wrong", "dkim-several")}


def test_tags_that_are_history_are_notes(world):
    status, findings = world.check("v=DMARC1", ['_dmarc.a.example. TXT "v=DMARC1; p=reject; pct=100; ri=86400; rf=afrf"'])
    assert status == 0 and sum(f["id"] == "dmarc-historic" and f["severity"] == "note" for f in findings) == 3


def test_a_parents_policy_applies(tmp_path):
    done = run("init", tmp_path / "data", "--hostname", HOST, "--domain", "help.a.example")
    assert done.returncode == 0
    (tmp_path / "zone").write_text('_dmarc.a.example. TXT "v=DMARC1; p=reject; sp=quarantine"\n')
    said = json.loads(run("dns", "check", "-c", tmp_path / "data/sealdesk.conf", "-o", f"dns.local_data={tmp_path}/zone", "--json").stdout)
    found = one(said["findings"], "dmarc-inherited")
    assert found["severity"] == "ok" and "a.example" in found["sentence"] and "quarantine" in found["sentence"]


def test_with_a_relay_spf_is_checked_for_the_relay(world):
    relay = ["relay.example. A 198.51.100.7"]
    status, findings = world.check(NOTHING, relay, ["courier.relay=relay.example:25"])
    assert status == 1 and "198.51.100.7" in one(findings, "spf-not-permitted")["sentence"]
    status, findings = world.check("v=spf1", [*relay, spf("v=spf1 a:relay.example -all")], ["courier.relay=relay.example:25"])
    assert status == 0 and one(findings, "spf-permits")
    status, findings = world.check("1.2.0.192.in-addr.arpa", [], ["courier.relay=unix:/run/relay"])
    assert status == 0 and one(findings, "relay-socket")["severity"] == "note" and bad(findings) == {("warning", "ptr-missing")}
    status, findings = world.check(NOTHING, [], ["courier.relay=127.0.0.1:25"])
    assert status == 0 and sum(f["id"] == "spf-permits" for f in findings) == 2
    status, findings = world.check(NOTHING, [], ["courier.relay=gone.example:25"])
    assert status == 1 and one(findings, "relay-no-address")


def test_bytes_of_others_do_not_steer_the_terminal(world):
    zone = ['_dmarc.a.example. TXT "v=DMARC1; p=re\\027[31mject"', 'a.example. TXT "v=spf1 mx \\027]0;x\\007 -all"']
    _, findings = world.check("v=", zone)
    assert not any(ord(c) < 32 for f in findings for c in f["sentence"])


def test_no_dns_is_unknown_not_fine(world):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        done = run("dns", "check", "-c", world.conf, "--json", "--resolver", f"127.0.0.1@{silent.getsockname()[1]}")
    said = json.loads(done.stdout)
    assert len(said["findings"]) == 6  # host, MX, SPF, two keys, DMARC: none is left out
    assert done.returncode == 75 and not said["ok"] and {f["severity"] for f in said["findings"]} == {"unknown"}


def test_it_works_while_sealdesk_runs(tmp_path):
    outside = desk.World(tmp_path)
    office = desk.Office(tmp_path / "data", outside)
    office.start()
    try:
        done = office.cli("dns", "check", "-o", f"dns.local_data={outside.zone(office.published)}", "--json")
        assert done.returncode == 1 and one(json.loads(done.stdout)["findings"], "host-no-address")
        assert sum(f["id"] == "dkim-published" for f in json.loads(done.stdout)["findings"]) == 2
        done = office.cli("dns", "check", "-o", "main.domains=desk.example,new.example", "-o",
                          f"dns.local_data={outside.zone()}", "--json")
        assert one(json.loads(done.stdout)["findings"], "dkim-no-key")["subject"] == "new.example"  # the one that runs has none
        assert office.cli("status").returncode == 0
    finally:
        office.stop()


def test_usage(world):
    assert run("dns", "check").returncode == 2
    assert run("dns", "check", "-c", world.conf, "more").returncode == 2
    assert run("dns", "nonsense", "-c", world.conf).returncode == 2
    assert run("dns", "check", "-c", world.conf, "--resolver", "nonsense").returncode == 78
