"""The command line's contract: outputs and exit statuses that others script against."""
import json
import subprocess

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


def test_people_can_be_added_while_it_runs(office, tmp_path):
    (tmp_path / "p").write_text("another long password\n")
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


def test_second_run_on_the_same_directory_is_refused(office):
    second = office.cli("run")
    assert second.returncode == 75 and "another Sealdesk" in second.stderr
