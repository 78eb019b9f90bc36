"""Bad days: processes killed at any moment, hostile SMTP, a full disk, hands in the store."""
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

import desk
from desk import letter, signed, wait_for


def all_subjects(office, session):
    subjects, cursor = [], None
    while True:
        params = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        answer = office.get(session, "/tickets", params=params)
        assert answer.status_code == 200, answer.text
        subjects += [t["subject"] for t in answer.json()["items"]]
        cursor = answer.json()["next"]
        if not cursor:
            return subjects


class Load(threading.Thread):
    """Sends numbered mails until told to stop; remembers which got their 250."""

    def __init__(self, office, world, name):
        super().__init__(daemon=True)
        self.office, self.world, self.name = office, world, name
        self.accepted, self.over = [], threading.Event()

    def run(self):
        n = 0
        while not self.over.is_set():
            subject = f"load {self.name} {n}"
            n += 1
            try:
                code, _ = self.office.send(signed(self.world, letter(subject=subject), "customer.example"))
                if code == 250:
                    self.accepted.append(subject)
            except (OSError, desk.smtplib.SMTPException):
                time.sleep(0.02)


def run_load(office, world, seconds, disturb):
    loads = [Load(office, world, str(i)) for i in range(3)]
    for load in loads:
        load.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        disturb()
    for load in loads:
        load.over.set()
    for load in loads:
        load.join(timeout=60)
    return [s for load in loads for s in load.accepted]


def check_each_once(office, accepted):
    wait_for(office.ready, 30, "ready again")
    wait_for(lambda: office.status()["intake_waiting"] == 0, 30, "all filed")
    alice = office.sign_in("alice@desk.example")
    subjects = all_subjects(office, alice)
    assert len(accepted) > 10
    assert [s for s in accepted if subjects.count(s) != 1] == []
    check_who_sent_them(office)


def check_who_sent_them(office):
    """Each letter has its one row about who sent it, and the count of what is known of the customer misses and doubles none."""
    with sqlite3.connect(office.folder / "store" / "store.db", timeout=20) as db:
        rows = db.execute("select m.object, m.ticket, m.trust, t.ticket, t.trust, t.known, t.as_customer from message m"
                          " left join message_trust t on t.object = m.object where m.direction = 1").fetchall()
        [(alone,)] = db.execute("select count(*) from message_trust where object not in (select object from message)").fetchall()
    assert alone == 0 and len(rows) > 10
    assert [r for r in rows if (r[1], r[2]) != (r[3], r[4]) or r[6] != 1] == []
    assert sorted(r[5] for r in rows) == list(range(len(rows)))


def test_no_accepted_mail_is_lost_when_any_role_is_killed(own_office, world):
    roles = ["edge", "dns", "inspect", "keeper", "clerk", "courier", "desk"]
    rng = random.Random(20417)

    def kill_one():
        time.sleep(0.4)
        status = own_office.status()
        if status:
            pids = [r["pid"] for r in status["roles"] if r["name"] == rng.choice(roles) and r["pid"]]
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    accepted = run_load(own_office, world, 12, kill_one)
    check_each_once(own_office, accepted)
    assert sum(r["restarts"] for r in own_office.status()["roles"]) > 3
    assert own_office.cli("audit", "verify").returncode == 0


def test_no_accepted_mail_is_lost_when_everything_is_killed(own_office, world):
    def kill_all():
        time.sleep(1.5)
        pids = [r["pid"] for r in own_office.status()["roles"] if r["pid"]]  # kill(0) would reach this very test
        own_office.process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        own_office.process.wait()
        for pid in pids:
            wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}"), 10, "roles gone")
        own_office.start()

    accepted = run_load(own_office, world, 8, kill_all)
    check_each_once(own_office, accepted)
    assert own_office.cli("audit", "verify").returncode == 0


def test_roles_end_with_their_supervisor(own_office):
    pids = [r["pid"] for r in own_office.status()["roles"]]
    own_office.process.kill()
    own_office.process.wait()
    for pid in pids:
        wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}"), 10, "roles gone")
    own_office.start()


def test_sigterm_finishes_data_in_progress(own_office, world):
    mail = signed(world, letter(subject="in progress"), "customer.example")
    with own_office.smtp() as s:
        s.ehlo()
        s.mail("kim@customer.example")
        s.rcpt("support@desk.example")
        assert s.docmd("DATA")[0] == 354
        s.send(mail[:200])
        process = own_office.process
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        s.send(mail[200:] + b"\r\n.\r\n")
        assert s.getreply()[0] == 250
        s.close()
    assert process.wait(timeout=30) == 0
    own_office.start()
    own_office.ticket_with(own_office.sign_in("alice@desk.example"), "in progress")


def test_keeper_down_stops_reading_and_not_the_250(own_office, world):
    alice = own_office.sign_in("alice@desk.example")
    [keeper] = own_office.pids("keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        assert own_office.send(signed(world, letter(subject="keeper away"), "customer.example"))[0] == 250
    finally:
        os.kill(keeper, signal.SIGCONT)
    own_office.ticket_with(alice, "keeper away", 20)


def raw(office, *parts, pause=0.05, until=b"QUIT"):
    """Sends raw bytes; everything that came back."""
    with socket.create_connection(("127.0.0.1", office.smtp_port), timeout=20 * desk.SLOW) as s:
        got = s.recv(1000)
        for part in parts:
            try:
                s.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            s.shutdown(socket.SHUT_WR)
            while data := s.recv(65536):
                got += data
        except OSError:
            pass
        return got


ENVELOPE = b"EHLO c.example\r\nMAIL FROM:<a@plain.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\n"


@pytest.mark.parametrize("junk", [
    b"\x00" * 5000, b"\xff\xfe" * 4000, b"A" * 100000, b"EHLO\r\n" * 50, b"MAIL FROM:<" + b"a" * 5000 + b"@x>\r\n",
    b"RCPT TO:<x>\r\n" * 30, b"DATA\r\n", b"GET / HTTP/1.0\r\n\r\n", b"EHLO x\r\n" + b"RSET\r\n" * 3000, b"\r\n" * 2000,
    b"STARTTLS\r\n" + b"\x16\x03\x01" + b"\x00" * 600], ids=range(11))
def test_junk_is_answered_and_nothing_dies(office, junk):
    before = [r["pid"] for r in office.status()["roles"]]
    raw(office, junk)
    assert [r["pid"] for r in office.status()["roles"]] == before


@pytest.mark.parametrize("ending", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n\x00.\r\n", b"\r\n.\r"])
def test_smuggling_does_not_end_data(office, ending):
    inner = b"MAIL FROM:<evil@plain.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
    got = raw(office, ENVELOPE + b"Subject: outer\r\nFrom: a@plain.example\r\n\r\nx" + ending + inner + b"QUIT\r\n")
    # one transaction at most: no second "354"
    assert got.count(b"354") == 1
    if b"\x00" not in ending:
        assert b"5.6.11" in got


def test_hostile_mime_is_bounded(office, world):
    many = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" for _ in range(10000))
    parts = b"From: a@plain.example\r\nSubject: ten thousand\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + many + b"--b--\r\n"
    nested = b"From: a@plain.example\r\nSubject: hundred deep\r\nMIME-Version: 1.0\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(100)) + b"\r\nx\r\n"
    nul = b"From: a@plain.example\r\nSubject: nul\x00s\r\n\r\nbody\x00\x00\r\n"
    before = [r["pid"] for r in office.status()["roles"]]
    for mail in (parts, nested, nul):
        start = time.monotonic()
        code, _ = office.send(mail, sender="a@plain.example")
        assert 200 <= code < 600 and time.monotonic() - start < 10 * desk.SLOW
    assert [r["pid"] for r in office.status()["roles"]] == before


def test_oversize_is_told(office):
    with office.smtp() as s:
        s.ehlo()
        assert int(s.esmtp_features["size"]) == 26214400
        assert s.docmd("MAIL", "FROM:<a@plain.example> SIZE=99999999")[0] == 552


def test_unknown_recipients_and_tokens(office, world):
    with office.smtp() as s:
        s.ehlo()
        s.mail("kim@customer.example")
        assert s.rcpt("nobody@desk.example")[0] == 550
        assert s.rcpt("someone@else.example")[0] == 550
        assert s.rcpt("support+unknowntoken@desk.example")[0] == 250


def test_starttls_works_and_drops_what_was_sent_before(office, world):
    assert office.send(signed(world, letter(subject="over tls"), "customer.example"), tls=True)[0] == 250
    alice = office.sign_in("alice@desk.example")
    office.ticket_with(alice, "over tls")
    with socket.create_connection(("127.0.0.1", office.smtp_port), timeout=20) as s:
        s.recv(1000)
        s.sendall(b"EHLO c.example\r\n")
        time.sleep(0.2)
        s.recv(4000)
        s.sendall(b"STARTTLS\r\nNOOP injected\r\n")
        time.sleep(0.3)
        got = s.recv(4000)
        assert got.count(b"\r\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_full_disk_is_452_and_recovers(tmp_path, world):
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], check=True)
    office = None
    try:
        office = desk.Office(mount / "data", world)
        office.start()
        filler = mount / "filler"
        free = os.statvfs(mount)
        filler.write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - 200 * 1024))
        codes, accepted = [], []
        for n in range(40):
            code, _ = office.send(signed(world, letter(subject=f"full {n}", text=os.urandom(30000).hex()), "customer.example"))
            codes.append(code)
            if code == 250:
                accepted.append(f"full {n}")
        assert 452 in codes and set(codes) <= {250, 452, 451}
        filler.unlink()
        wait_for(lambda: office.send(signed(world, letter(subject="room again"), "customer.example"))[0] == 250, 20, "recovery")
        wait_for(lambda: office.cli("status").returncode == 0, 30)
        alice = office.sign_in("alice@desk.example")
        office.ticket_with(alice, "room again", 20)
        subjects = all_subjects(office, alice)
        assert [s for s in accepted if subjects.count(s) != 1] == []
    finally:
        if office:
            office.stop()
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_altering_the_store_changes_nothing_the_keeper_allows(own_office, world):
    """Row by row, as whoever can write the store: Bob of billing still sees nothing of support's mail, nothing leaves elsewhere."""
    office = own_office
    assert office.send(signed(world, letter(subject="support secret", text="the secret is 7731\r\n"), "customer.example"))[0] == 250
    assert office.send(signed(world, letter(subject="billing mail", to="billing@desk.example"), "customer.example"), to=("billing@desk.example",))[0] == 250
    alice, bob = office.sign_in("alice@desk.example"), office.sign_in("bob@desk.example")
    secret, own = office.ticket_with(alice, "support secret"), office.ticket_with(bob, "billing mail")
    first = office.get(alice, f"/tickets/{secret['id']}").json()["messages"][0]["id"]
    path = office.folder / "store" / "store.db"

    def tables():
        with sqlite3.connect(path) as db:
            names = [r[0] for r in db.execute("select name from sqlite_schema where type='table' and name not like 'sqlite%'")]
            return {n: [c[1] for c in db.execute(f"pragma table_info({n})")] for n in names}

    def attempts():
        for ident in (secret["id"], first):
            for what in (f"/tickets/{ident}", f"/messages/{ident}", f"/messages/{ident}/source"):
                answer = office.get(bob, what)
                assert answer.status_code in (404, 409, 500, 503), (what, answer.text)
                assert "7731" not in answer.text and "support secret" not in answer.text
        listed = office.get(bob, "/tickets", params={"limit": 100})
        assert "support secret" not in listed.text

    tried = 0
    for table, columns in tables().items():
        for column in columns:
            with sqlite3.connect(path, timeout=20) as db:
                rows = db.execute(f"select rowid, {column} from {table}").fetchall()
                values = list({r[1] for r in rows})
            for rowid, old in rows[:6]:
                for new in [v for v in values if v != old][:2] or ["billing" if isinstance(old, str) else b"\x00" * 16 if isinstance(old, bytes) else 1]:
                    with sqlite3.connect(path, timeout=20) as db:
                        try:
                            db.execute(f"update {table} set {column} = ? where rowid = ?", (new, rowid))
                            db.commit()
                        except sqlite3.Error:
                            continue  # the schema itself refuses
                    attempts()
                    tried += 1
                    with sqlite3.connect(path, timeout=20) as db:
                        db.execute(f"update {table} set {column} = ? where rowid = ?", (old, rowid))
                        db.commit()
    assert tried > 20
    assert office.get(alice, f"/messages/{first}").status_code == 200
    assert office.get(bob, f"/tickets/{own['id']}").status_code == 200
