"""Keys on the real programs: a locked start, a root that is missing or wrong, a damaged database, new generations under load."""
import os
import secrets
import signal
import subprocess
import time

import pytest
import requests

import desk
from desk import letter, signed, wait_for

PHRASE = "a phrase of more than fifteen characters"


@pytest.fixture
def new_office(tmp_path_factory, world):
    """Not started yet: the test says how."""
    office = desk.Office(tmp_path_factory.mktemp("keys") / "data", world)
    yield office
    office.stop()


def start_locked(office, env=None):
    command = [desk.SEALDESK, "run", "-c", str(office.conf)]
    for option in office.run_options:
        command += ["-o", option]
    office.log = open(office.folder.parent / "log", "ab")
    office.process = subprocess.Popen(command, stdout=office.log, stderr=office.log, env={**os.environ, **(env or {})})

    def answers():
        assert office.process.poll() is None, (office.folder.parent / "log").read_text()[-2000:]
        try:
            return requests.get(office.url + "/readyz", timeout=5).status_code == 503 and office.status()
        except requests.ConnectionError:
            return False
    wait_for(answers, 20, "locked and answering")


def send(office, world, subject):
    return office.send(signed(world, letter(subject=subject), "customer.example"))[0]


def reasons(office):
    return " ".join(office.status()["reasons"]), " ".join(requests.get(office.url + "/readyz", timeout=5).json()["reasons"])


def check_locked(office, world, text, subject):
    """Says why, here and there; reads and sends nothing; the keeper stays up; mail is taken in."""
    wait_for(lambda: text in reasons(office)[0], 10, "the reason in status")
    assert text in reasons(office)[1]
    assert send(office, world, subject) == 250
    answer = requests.post(office.url + "/api/v1/session", json={"email": "alice@desk.example", "password": desk.PASSWORD, "totp": "1"},
                           timeout=10)
    assert answer.status_code == 503
    done = office.cli("user", "list")
    assert done.returncode == 75 and text in done.stderr
    assert [r["restarts"] for r in office.status()["roles"] if r["name"] == "keeper"] == [0]


def test_passphrase_start(new_office, world):
    office = new_office
    done = office.cli("keys", "wrap", "--passphrase", "--passphrase-file", "-", input=PHRASE + "\n")
    assert done.returncode == 0, done.stderr
    assert not (office.folder / "keeper" / "root.key").exists()
    office.run_options.append("keeper.root=passphrase")
    start_locked(office)
    check_locked(office, world, "run sealdesk unlock", "came while it was locked")
    wrong = office.cli("unlock", "--passphrase-file", "-", input="another phrase of many characters\n")
    assert wrong.returncode == 1 and "not the right one" in wrong.stderr
    done = office.cli("unlock", "--passphrase-file", "-", input=PHRASE + "\n")
    assert done.returncode == 0, done.stderr
    wait_for(office.ready, 20, "ready")
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "came while it was locked")
    assert office.get(alice, f"/tickets/{ticket['id']}").status_code == 200
    assert [r["reason"] for r in office.audit() if r["action"] == "unlock"] == ["wrong attempts before: 1"]
    # No secret where other programs look.
    for pid in [office.process.pid, *[r["pid"] for r in office.status()["roles"]]]:
        for name in ("cmdline", "environ"):
            assert PHRASE.encode() not in open(f"/proc/{pid}/{name}", "rb").read()
    assert PHRASE not in (office.folder.parent / "log").read_text()
    # It dies: locked again, and opened again.
    os.kill(office.pids("keeper")[0], signal.SIGKILL)
    wait_for(lambda: "run sealdesk unlock" in reasons(office)[0], 10, "locked again")
    assert send(office, world, "came while it was locked again") == 250
    assert office.cli("unlock", "--passphrase-file", "-", input=PHRASE + "\n").returncode == 0
    wait_for(office.ready, 20, "ready")
    office.ticket_with(alice, "came while it was locked again")


def test_credential_start(new_office, world, tmp_path):
    office = new_office
    secret = secrets.token_hex(32)
    (tmp_path / "root").write_text(secret + "\n")
    os.chmod(tmp_path / "root", 0o600)
    conf = office.conf.read_text()
    office.conf.write_text(conf + '\nkeeper {\n    root = "credential:root"\n}\n')
    env = {**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    done = office.cli("keys", "wrap", "--credential", env=env)
    assert done.returncode == 0, done.stderr
    start_locked(office)  # systemd handed nothing over
    check_locked(office, world, "LoadCredential=", "before the credential")
    office.stop()
    before = {**os.environ}
    os.environ["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    try:
        office.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    alice = office.sign_in("alice@desk.example")
    office.ticket_with(alice, "before the credential")
    for role in office.status()["roles"]:
        for name in ("cmdline", "environ"):
            assert secret.encode() not in open(f"/proc/{role['pid']}/{name}", "rb").read()
        assert b"CREDENTIALS_DIRECTORY" not in open(f"/proc/{role['pid']}/environ", "rb").read()
    assert secret not in (office.folder.parent / "log").read_text()


def test_missing_and_wrong_root(new_office, world):
    office = new_office
    root = office.folder / "keeper" / "root.key"
    right = root.read_text()
    root.unlink()
    start_locked(office)
    check_locked(office, world, "root.key is missing", "without a root")
    office.stop()
    root.write_text(secrets.token_hex(32) + "\n")
    os.chmod(root, 0o600)
    start_locked(office)
    check_locked(office, world, "not the one of this keeper.db", "with a wrong root")
    office.stop()
    os.chmod(root, 0o644)
    done = subprocess.run([desk.SEALDESK, "run", "-c", str(office.conf)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78 and "chmod 600" in done.stderr
    root.write_text(right)
    os.chmod(root, 0o600)
    office.start()
    alice = office.sign_in("alice@desk.example")
    for subject in ("without a root", "with a wrong root"):
        office.ticket_with(alice, subject)


def test_damaged_keeper_db(new_office, world):
    office = new_office
    office.start()
    for i in range(5):
        assert send(office, world, f"before the damage {i}") == 250
    wait_for(lambda: office.status()["intake_waiting"] == 0, 20, "filed")
    path = office.folder / "keeper" / "keeper.db"
    keeper = office.pids("keeper")[0]
    os.kill(keeper, signal.SIGSTOP)
    whole = path.read_bytes()
    wal = (office.folder / "keeper" / "keeper.db-wal").read_bytes()
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(os.urandom(4096 * 20))
    (office.folder / "keeper" / "keeper.db-wal").write_bytes(b"")
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: "keeper.db is damaged" in reasons(office)[0], 20, "the damage is named")
    assert "keeper.db is damaged" in reasons(office)[1]
    assert send(office, world, "behind the damage") == 250  # with the key that the edge has
    assert requests.post(office.url + "/api/v1/session", json={"email": "a@b.example", "password": "x", "totp": "1"},
                         timeout=10).status_code == 503
    restarts = [r["restarts"] for r in office.status()["roles"] if r["name"] == "keeper"]
    time.sleep(2)
    assert [r["restarts"] for r in office.status()["roles"] if r["name"] == "keeper"] == restarts  # no crash loop
    office.stop()
    path.write_bytes(whole)
    (office.folder / "keeper" / "keeper.db-wal").write_bytes(wal)
    office.start()
    alice = office.sign_in("alice@desk.example")
    office.ticket_with(alice, "before the damage 4")
    office.ticket_with(alice, "behind the damage")


def test_new_generations_under_load(own_office, world):
    office = own_office
    alice = office.sign_in("alice@desk.example")
    subjects = []
    for i in range(12):
        subject = f"under load {i}"
        assert send(office, world, subject) == 250
        subjects.append(subject)
        if i % 3 == 0:
            for kind in ("vault", "root", "pages", "intake"):
                done = office.cli("keys", "rotate", kind)
                assert done.returncode == 0, done.stderr
    for subject in subjects:
        ticket = office.ticket_with(alice, subject)
        message = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
        assert office.get(alice, f"/messages/{message['id']}").status_code == 200
    listed = office.cli("keys", "list", "--json").stdout
    assert '"kind":"root","number":5' in listed and '"kind":"vault","number":5' in listed
    office.stop()
    office.start()
    alice = office.sign_in("alice@desk.example", anew=True)
    ticket = office.ticket_with(alice, subjects[0])
    message = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    assert office.get(alice, f"/messages/{message['id']}").status_code == 200


def test_dkim_in_two_steps(own_office):
    office = own_office
    before = office.cli("dns").stdout
    assert office.cli("keys", "rotate", "dkim").returncode == 0
    zone = office.cli("dns").stdout
    assert zone.count("_domainkey") == 4 and "the next key" in zone and before.splitlines()[3] in zone
    assert office.cli("keys", "rotate", "dkim", "elsewhere.example").returncode == 1
    assert office.cli("keys", "rotate", "dkim", "desk.example", "--activate").returncode == 0
    assert "keep it for a week after" in office.cli("dns").stdout
    states = [line for line in office.cli("keys", "list", "--json").stdout.splitlines() if '"dkim"' in line]
    assert sum('"state":"signs"' in s for s in states) == 2 and sum('"state":"ended"' in s for s in states) == 2
