"""The command line's contract: outputs and exit statuses that others script against."""
import json
import subprocess
import time

import dkim
import pytest

import desk


def run(*args, **kwargs):
    return subprocess.run([desk.SEALDESK, *args], capture_output=True, text=True, timeout=60, **kwargs)


def init(folder, *more):
    return run("init", str(folder), "--hostname", "mail.a.example", "--domain", "a.example", *more)


def test_init_makes_an_installation_and_never_overwrites(tmp_path):
    done = init(tmp_path / "d")
    assert done.returncode == 0
    assert {p.name for p in (tmp_path / "d").iterdir()} == {"sealdesk.conf", "intake", "store", "keeper", "run"}
    assert "losing" in done.stdout.lower() and "root.key" in done.stdout
    assert any(l.startswith("a.example. 3600 IN TXT \"v=spf1") for l in done.stdout.splitlines())
    assert sum("._domainkey.a.example. 3600 IN TXT \"v=DKIM1" in l for l in done.stdout.splitlines()) == 2
    before = (tmp_path / "d/keeper/root.key").read_bytes()
    assert init(tmp_path / "d").returncode != 0
    assert (tmp_path / "d/keeper/root.key").read_bytes() == before
    again = run("dns", "-c", str(tmp_path / "d/sealdesk.conf"))
    assert again.returncode == 0
    assert [l for l in again.stdout.splitlines() if " IN " in l] == [l for l in done.stdout.splitlines() if " IN " in l]


def test_not_running(tmp_path):
    init(tmp_path / "d")
    assert run("status", "-c", str(tmp_path / "d/sealdesk.conf")).returncode == 69


def test_usage_and_configuration_errors(tmp_path):
    assert run().returncode == 2
    assert run("nonsense").returncode == 2
    init(tmp_path / "d")
    conf = tmp_path / "d/sealdesk.conf"
    text = conf.read_text()
    conf.write_text(text.replace("smtp {", "smtp {\n    lissten = \"x\""))
    wrong = run("check", "-c", str(conf))
    line = conf.read_text().splitlines().index('    lissten = "x"') + 1
    assert wrong.returncode == 78 and f"sealdesk.conf:{line}" in wrong.stderr and "lissten" in wrong.stderr
    conf.write_text(text)
    assert run("check", "-c", str(conf)).returncode == 0
    public = run("run", "-c", str(conf), "-o", "desk.listen=0.0.0.0:8025")
    assert public.returncode == 78 and "desk.tls_cert" in public.stderr
    assert run("run", "-c", str(conf), "-o", "no.such=1").returncode == 78
    assert run("run", "-c", str(conf), "-o", "smtp.listen=nonsense").returncode == 78


def test_verify_judges_as_the_edge(tmp_path, world, office):
    """Against Sealdesk's own dns process there is no port to ask; the world's zone comes by -o dns.local_data."""
    zone = f"dns.local_data={world.zone()}"
    mail = desk.signed(world, desk.letter(), "customer.example")
    (tmp_path / "m.eml").write_bytes(mail)
    args = ["verify", "-o", zone, "--ip", "127.0.0.1", "--helo", "mx.customer.example", "--from", "kim@customer.example"]
    done = run(*args, str(tmp_path / "m.eml"))
    verdict = json.loads(done.stdout)
    assert done.returncode == 0
    assert verdict["spf"]["result"] == "pass" and verdict["spf"]["domain"] == "customer.example"
    assert verdict["dkim"][0]["result"] == "pass" and verdict["dkim"][0]["bits"] == 2048
    assert verdict["dmarc"]["result"] == "pass" and verdict["dmarc"]["policy"] == "reject"
    assert verdict["from"]["address"] == "kim@customer.example"
    assert verdict["trust"]["level"] == "verified" and verdict["disposition"] == "accept"
    assert verdict["smtp_reply"].startswith("250")
    tampered = run(*args, "-", input=mail.decode().replace("4711", "4712"))
    assert json.loads(tampered.stdout)["dkim"][0]["result"] == "fail"
    envelope = json.loads(run(*args).stdout)
    assert envelope["spf"]["result"] == "pass" and envelope["dkim"] == []
    forged = run("verify", "-o", zone, "--ip", "127.0.0.1", "--helo", "x.example", "--from", "a@forged.example", "-",
                 input=desk.letter(sender="a@forged.example").decode())
    assert forged.returncode == 1 and json.loads(forged.stdout)["disposition"] == "reject"


def verify(zone, *args, sender="kim@customer.example", helo="mx.customer.example", ip="127.0.0.1", message=None):
    done = run("verify", "-o", f"dns.local_data={zone}", "--ip", ip, "--helo", helo, "--from", sender, *args, *(["-"] if message else []),
               input=message.decode() if message else None)
    return done.returncode, json.loads(done.stdout)


def test_verify_judges_as_of_a_time_and_a_hop(world):
    mail = desk.signed(world, desk.letter(), "customer.example")
    now = str(int(time.time()))
    status, verdict = verify(world.zone(), "--at", now, "--tls", "TLSv1.3 TLS_AES_256_GCM_SHA384", message=mail)
    assert status == 0 and verdict["dkim"][0]["result"] == "pass"
    assert verdict["tls"] == {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"}
    status, verdict = verify(world.zone(), "--at", "1000000000", message=mail)
    assert verdict["tls"] is None and verdict["dkim"][0]["result"] != "pass"  # signed in the future, then
    for wrong in (["--at", "soon"], ["--at", "-1"], ["--at", "1.5"], ["--at", "999999999999999"], ["--at", ""], ["--tls", "TLSv1.3"],
                  ["--tls", "a b c"], ["--tls", "TLSv1.3 " + "x" * 64]):
        done = run("verify", "--ip", "127.0.0.1", "--helo", "x", "--from", "a@b.example", *wrong)
        assert done.returncode == 2 and wrong[0] in done.stderr, wrong


def test_verify_says_why_it_cannot_judge_a_file(tmp_path):
    big = tmp_path / "big.eml"
    big.write_bytes(b"From: a@b.example\r\n\r\n" + b"x" * 76 * 400_000)
    for path, status, part in ((big, 1, "too large"), (tmp_path, 2, "is a directory"), (tmp_path / "gone.eml", 2, "not there")):
        done = run("verify", "--ip", "127.0.0.1", "--helo", "x", "--from", "a@b.example", path)
        assert done.returncode == status and part in done.stderr and done.stdout == "", done


def test_check_warns_of_gates_that_let_forgeries_in(office):
    done = office.cli("check", "--json", "-o", "gates.customer=verified, failed", "-o", "gates.open=none", "-o", "gates.review=none")
    warnings = json.loads(done.stdout)["warnings"]
    assert done.returncode == 0 and any(w.startswith("gates.customer lets forgeries") for w in warnings), done
    assert any("all mail is quarantined" in w for w in warnings)


def test_verify_takes_settings_without_a_file(world):
    where = {"sender": "bounce@customer.example", "message": desk.letter(sender="boss@dmarcfail.example")}
    _, held = verify(world.zone(), **where)
    assert held["disposition"] == "review" and held["override"] is None
    _, lifted = verify(world.zone(), "-o", "trust.forwarders=127.0.0.0/8", **where)
    assert lifted["disposition"] != "review" and lifted["override"]["kind"] == "forwarder" and lifted["trust"]["level"] != "verified"
    _, own = verify(world.zone(), "-o", "main.hostname=mx.dmarcfail.example", "-o", "main.domains=dmarcfail.example", **where)
    assert own["disposition"] == "reject"
    _, weighed = verify(world.zone(), "-o", "trust.weights=own-domain=7", "-o", "main.domains=dmarcfail.example", **where)
    assert [s["weight"] for s in weighed["signals"] if s["id"] == "own-domain"] == [7]


def test_verify_lifts_a_hold_for_a_trusted_sealer(world):
    """The lists of the section trust by -o: a sealer that is trusted lifts a hold, and says so."""
    mail = desk.letter(sender="boss@dmarcfail.example").replace(b"\r\n", b"\n")
    mail = b"Authentication-Results: lists.example; spf=pass smtp.mailfrom=boss@dmarcfail.example; dmarc=pass header.from=dmarcfail.example\n" + mail
    world.domain("lists.example", spf="v=spf1 ip4:127.0.0.1 -all")
    sealed = b"".join(dkim.arc_sign(mail, b"sel", b"lists.example", world.keys["lists.example"], b"lists.example")).replace(b"\r\n", b"\n") + mail
    where = {"sender": "bounce@lists.example", "helo": "mx.lists.example", "message": sealed}
    _, held = verify(world.zone(), **where)
    assert held["disposition"] == "review" and held["override"] is None and held["arc"]["result"] == "pass"
    _, lifted = verify(world.zone(), "-o", "trust.trusted_sealers=lists.example", **where)
    assert lifted["disposition"] != "review" and lifted["override"]["kind"] == "trusted-sealer" and lifted["trust"]["level"] != "verified"


def test_verify_knows_wildcards_and_failures_of_a_zone(world):
    zone = world.zone(['*.attacker.example. 300 IN TXT "v=spf1 +all"', "slow.example. TIMEOUT"])
    status, verdict = verify(zone, sender="x@a.b.attacker.example")
    assert verdict["spf"]["result"] == "pass" and verdict["spf"]["domain"] == "a.b.attacker.example"
    status, verdict = verify(zone, sender="x@slow.example")
    assert status == 75 and verdict["spf"]["result"] == "temperror" and verdict["disposition"] == "tempfail"


GATES = {"open", "review", "append", "reopen", "customer", "auto_answer", "add_people", "attachments"}


def test_the_gates_are_a_table_in_the_file_and_in_check(tmp_path):
    init(tmp_path / "d")
    conf = tmp_path / "d/sealdesk.conf"
    inside = conf.read_text().split("\ngates {")[1].split("\n}")[0]
    rows = [line for line in inside.splitlines() if "=" in line]
    assert {row.split()[0] for row in rows} == GATES and len({row.index("#") for row in rows}) == 1
    said = json.loads(run("check", "--json", "-c", str(conf)).stdout)
    assert said["ok"] and {g["gate"] for g in said["gates"]} == GATES
    by_name = {g["gate"]: g for g in said["gates"]}
    assert by_name["customer"] == {"gate": "customer", "meaning": by_name["customer"]["meaning"], "verified": True, "unverified": False,
                                   "failed": False}
    conf.write_text(conf.read_text().replace('customer    = "verified"', 'customer    = "none"'))
    text = run("check", "-c", str(conf)).stdout
    assert next(line for line in text.splitlines() if line.startswith("customer ")).split()[-3:] == ["no", "no", "no"]
    assert text.splitlines()[-1] == "ok"


@pytest.mark.parametrize("option,named", [
    ("gates.append=everybody", "everybody"), ("gates.open=verified,,failed", "gates.open"), ("trust.weights=stranger=20, nonsense=1", "nonsense=1"),
    ("trust.flag_at=200", "trust.flag_at"), ("trust.history_days=0", "trust.history_days"), ("upstream.id=mx.a.example", "upstream.addresses"),
    ("trust.protected_domains=a.example,b example", "b example"), ("trust.trusted_sealers=lists", "lists"),
    ("trust.forwarders=10.0.0.0/8,10.0.0.300", "10.0.0.300"), ("trust.refused_senders=@x.example", "@x.example"),
    ("trust.protected_names=Jane Boss <jane@a.example", "Jane Boss <jane@a.example")])
def test_what_is_said_about_senders_is_checked(tmp_path, option, named):
    init(tmp_path / "d")
    for command in ("check", "run"):
        done = run(command, "-c", str(tmp_path / "d/sealdesk.conf"), "-o", option)
        assert done.returncode == 78 and named in done.stderr, done.stderr


def test_people_can_be_added_while_it_runs(office, tmp_path):
    (tmp_path / "p").write_text("another horse battery staple\n")
    done = office.cli("user", "add", "--email", "new@desk.example", "--name", "New", "--role", "agent", "--queue", "support",
                      "--password-file", str(tmp_path / "p"))
    assert done.returncode == 0 and done.stdout.startswith("otpauth://totp/")
    twice = office.cli("user", "add", "--email", "new@desk.example", "--name", "New", "--role", "agent", "--queue", "support",
                       "--password-file", str(tmp_path / "p"))
    assert twice.returncode == 1 and twice.stderr
    (tmp_path / "p").write_text("short\n")
    short = office.cli("user", "add", "--email", "n2@desk.example", "--name", "N", "--role", "agent", "--queue", "support",
                       "--password-file", str(tmp_path / "p"))
    assert short.returncode == 1 and "15" in short.stderr
    root = [r for r in office.audit() if r["actor"]["kind"] == "root"]
    assert root


def test_people_come_and_go_by_command(office):
    invited = office.cli("user", "add", "--email", "guest@desk.example", "--name", "Guest", "--role", "agent", "--json")
    assert invited.returncode == 0, invited.stderr
    told = json.loads(invited.stdout)
    assert "/#/enrol/" in told["link"] and len(told["code"]) == 9 and told["expires_at"]
    again = office.cli("user", "invite", "guest@desk.example")
    assert again.returncode == 0 and again.stdout.startswith("link:") and told["code"] not in again.stdout
    listed = [json.loads(line) for line in office.cli("user", "list", "--json").stdout.splitlines()]
    guest = next(p for p in listed if p["email"] == "guest@desk.example")
    assert guest["state"] == "invited" and guest["factors"] == []
    assert office.cli("user", "role", "guest@desk.example", "supervisor").returncode == 0
    assert office.cli("user", "queues", "guest@desk.example", "support").returncode == 0
    assert office.cli("user", "suspend", "guest@desk.example").returncode == 1  # not enrolled: to be removed
    bare = office.cli("user", "reset", "alice@desk.example")
    assert bare.returncode == 1 and "--break-glass" in bare.stderr
    assert office.cli("user", "remove", "guest@desk.example").returncode == 0
    assert "guest@desk.example" not in office.cli("user", "list").stdout
    assert office.cli("user", "remove", "guest@desk.example").returncode == 1
    assert office.cli("user", "frob", "guest@desk.example").returncode == 2
    assert office.cli("session", "list").returncode == 0
    assert office.cli("session", "end", "0" * 32).returncode == 1
    assert office.cli("session", "end", "not-an-id").returncode == 2


def test_second_run_on_the_same_directory_is_refused(office):
    second = office.cli("run")
    assert second.returncode == 75 and "another Sealdesk" in second.stderr
