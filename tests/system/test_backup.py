"""Backups: made while it runs, opened by nobody without the recovery key, restored whole or not at all; what was destroyed stays so."""
import copy
import json
import os
import threading

import pytest

import desk
from desk import letter, signed, wait_for
from test_leak import MARKS, spellings

REASON = "asked for by its sender"


@pytest.fixture(scope="module")
def backed(tmp_path_factory, world):
    """An installation with a recovery key, two supervisors who can step up, and letters."""
    folder = tmp_path_factory.mktemp("backed")
    office = desk.Office(folder / "data", world)
    key = office.cli("backup", "keygen", "--out", str(folder / "recovery"), conf=False)
    assert key.returncode == 0 and "off" in (folder / "recovery").read_text()
    assert oct((folder / "recovery").stat().st_mode & 0o777) == "0o600"
    office.conf.write_text(office.conf.read_text() + "\n" + key.stdout)
    office.person("sue@desk.example", "Sue", "supervisor", ["support"])
    office.person("sid@desk.example", "Sid", "supervisor", ["support"])
    office.start()
    office.tmp = folder
    yield office
    office.stop()


def send(office, world, subject, **kwargs):
    assert office.send(signed(world, letter(subject=subject, **kwargs), "customer.example"))[0] == 250


def back_up(office, name):
    path = office.tmp / name
    done = office.cli("backup", "--to", str(path), "--json")
    assert done.returncode == 0, done.stderr
    return path, json.loads(done.stdout)


def restore_args(office, path, **changes):
    args = {"--from": str(path), "--root": str(path) + ".root", "--recovery-key": str(office.tmp / "recovery"), **changes}
    return ["restore", *[x for pair in args.items() if pair[1] for x in pair]]


def restored(office, folder):
    """The same people and ports on another folder."""
    again = copy.copy(office)
    again.folder, again.conf, again.process = folder, folder / "sealdesk.conf", None
    again.sessions = {}
    return again


def reads(office, session, subject):
    ticket = office.ticket_with(session, subject)
    message = office.get(session, f"/tickets/{ticket['id']}").json()["messages"][0]
    return office.get(session, f"/messages/{message['id']}").status_code


def purge(office, ticket):
    """Two people: one asks and does, the other approves."""
    sue, sid = office.whole("sue@desk.example"), office.whole("sid@desk.example")
    asked = office.post(sue, "/requests", {"act": "purge", "object": ticket["id"], "reason": REASON})
    assert asked.status_code == 201, asked.text
    approved = office.confirmed(sid, "POST", f"/requests/{asked.json()['id']}/approve")
    assert approved.status_code in (200, 204), approved.text
    gone = office.confirmed(sue, "DELETE", f"/tickets/{ticket['id']}")
    assert gone.status_code == 204, gone.text


def test_the_drill_and_what_it_says(backed, world):
    office = backed
    alice = office.sign_in("alice@desk.example")
    for i in range(8):
        send(office, world, f"drill {i}", attachments=[("a.txt", b"content")])
    office.ticket_with(alice, "drill 7")
    path, made = back_up(office, "drill")
    done = office.cli(*restore_args(office, path), "--drill", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["ok"] and report["right"] == 8 and report["wrong"] == 0 and report["messages"] == 8 and report["log_size"] > 8
    actions = [r["action"] for r in office.audit()]
    assert "backup-begin" in actions and "backup-made" in actions and actions[-2] == "drill"
    assert not [p for p in os.listdir("/var/tmp") if p.startswith("sealdesk-drill")]
    assert office.ready() and made["bytes"] == path.stat().st_size


def test_nobody_reads_it_without_the_recovery_key(backed, world):
    office = backed
    address = f"{MARKS['local']}@customer.example"
    mail = letter(sender=address, name=MARKS["name"], subject=MARKS["subject"], text=f"Hello, {MARKS['body']}.\r\n",
                  attachments=[(MARKS["file"], MARKS["content"].encode())])
    assert office.send(signed(world, mail, "customer.example"), sender=address)[0] == 250
    office.ticket_with(office.sign_in("alice@desk.example"), MARKS["subject"])
    path, _ = back_up(office, "secret")
    looked = path.read_bytes() + (office.tmp / "secret.root").read_bytes()
    staff = ["alice@desk.example", "Alice", "support@desk.example"]  # in keeper.db as they are: the archive seals them too
    root = (office.folder / "keeper" / "root.key").read_text().strip()
    for text in [*MARKS.values(), *staff, root, bytes.fromhex(root).decode("latin-1")]:
        assert not [s for s in spellings(text) if len(s) > 7 and s in looked]
    assert bytes.fromhex(root) not in looked
    # Another recovery key, another root, no root.
    other = office.cli("backup", "keygen", "--out", str(office.tmp / "other"), conf=False)
    assert other.returncode == 0
    to = office.tmp / "nowhere"
    for changes, text in (({"--recovery-key": str(office.tmp / "other")}, "does not open it"),
                          ({"--root": str(path)}, "no root of a backup"),
                          ({"--root": str(office.tmp / "missing")}, "not there")):
        done = office.cli(*restore_args(office, path, **changes), "--to", str(to), conf=False)
        assert done.returncode != 0 and text in done.stderr
        assert not to.exists()


def test_changed_or_cut_off(backed, world):
    office = backed
    path, _ = back_up(office, "whole")
    bytes_of = path.read_bytes()
    root = (office.tmp / "whole.root").read_bytes()
    broken = office.tmp / "broken"
    to = office.tmp / "from-broken"

    def attempt(content, root_content=root):
        broken.write_bytes(content)
        (office.tmp / "broken.root").write_bytes(root_content)
        done = office.cli(*restore_args(office, broken), "--to", str(to), conf=False)
        assert done.returncode != 0, len(content)
        assert not to.exists(), "half of it is there"
        return done.stderr

    for n in (0, 50, 127, 128, 5000, 128 + 32784, len(bytes_of) // 2, len(bytes_of) - 32784, len(bytes_of) - 1):
        attempt(bytes_of[:n])
    assert "changed or cut off" in attempt(bytes_of[:-1])
    assert "changed or cut off" in attempt(bytes_of + b"x")
    for at in (9, 20, 60, 130, 40000, len(bytes_of) // 2, len(bytes_of) - 1):
        attempt(bytes_of[:at] + bytes([bytes_of[at] ^ 1]) + bytes_of[at + 1:])
    for at in (3, 11, 30, 40, 100):
        attempt(bytes_of, root[:at] + bytes([root[at] ^ 4]) + root[at + 1:])
    # Into what is not empty: nothing is touched.
    to.mkdir()
    (to / "mine").write_text("mine")
    done = office.cli(*restore_args(office, path), "--to", str(to), conf=False)
    assert done.returncode != 0 and "not an empty folder" in done.stderr and os.listdir(to) == ["mine"]


def test_under_load(backed, world):
    """Every letter that is in the backup has its key in it; each is there once; mail that waited in the intake is filed."""
    office = backed
    over, subjects = threading.Event(), []

    def load():
        while not over.is_set():
            subject = f"load {len(subjects)}"
            send(office, world, subject)
            subjects.append(subject)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_for(lambda: len(subjects) > 10, 20, "some letters")
        before = len(subjects)
        path, _ = back_up(office, "load")
    finally:
        over.set()
        thread.join()
    done = office.cli(*restore_args(office, path), "--drill", "--sample", "1000", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["wrong"] == 0
    office.stop()
    to = office.tmp / "load-restored"
    done = office.cli(*restore_args(office, path), "--to", str(to), conf=False)
    assert done.returncode == 0, done.stderr
    again = restored(office, to)
    again.start()
    try:
        wait_for(lambda: again.status()["intake_waiting"] == 0, 20, "filed")
        alice = again.sign_in("alice@desk.example", anew=True)
        found, cursor = [], None
        while True:
            answer = again.get(alice, "/tickets", params={"limit": 100} | ({"cursor": cursor} if cursor else {})).json()
            found += [t["subject"] for t in answer["items"]]
            cursor = answer["next"]
            if not cursor:
                break
        assert [s for s in subjects[:before] if found.count(s) != 1] == []
        assert [s for s in found if found.count(s) > 1 and s.startswith("load")] == []
        send(again, world, "after the restore")
        again.ticket_with(alice, "after the restore")
        assert again.cli("audit", "verify").returncode == 0
        assert [r["action"] for r in again.audit()].count("restored") == 1
    finally:
        again.stop()
    office.start()


def test_destroyed_stays_destroyed(backed, world):
    office = backed
    alice = office.sign_in("alice@desk.example", anew=True)
    for subject in ("to be kept", "to be destroyed"):
        send(office, world, subject)
        office.ticket_with(alice, subject)
    path, made = back_up(office, "old")
    ticket = office.ticket_with(alice, "to be destroyed")
    message = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    purge(office, ticket)
    record = [r for r in office.audit() if r["action"] == "destroy"][-1]
    assert record["outcome"] == "granted" and f"in backups until {made['keep_until'][:10]}" in record["reason"]
    export = office.tmp / "export.jsonl"
    done = office.cli("audit", "export", "--out", str(export))
    assert done.returncode == 0, done.stderr
    office.stop()
    for name, log in (("by-export", export), ("by-folder", office.folder), ("by-nothing", None)):
        to = office.tmp / name
        done = office.cli(*restore_args(office, path, **{"--destructions": str(log) if log else None}), "--to", str(to), conf=False)
        assert done.returncode == 0, done.stderr
        again = restored(office, to)
        again.start()
        try:
            session = again.sign_in("alice@desk.example", anew=True)
            assert reads(again, session, "to be kept") == 200
            if log:
                assert "destroyed again: 1" in done.stdout
                listed = again.tickets(session, limit=100)
                assert "to be destroyed" not in [t["subject"] for t in listed]
                assert again.get(session, f"/messages/{message['id']}").status_code != 200
                assert again.get(session, f"/messages/{message['id']}/source").status_code != 200
            else:
                assert "may be back" in done.stderr and made["made_at"][:10] in done.stderr
                assert reads(again, session, "to be destroyed") == 200
        finally:
            again.stop()
    office.start()


def test_old_ones_are_pruned(backed):
    office = backed
    path, _ = back_up(office, "young")
    (office.tmp / "not-ours").write_text("SDBACKUP, but no backup")
    done = office.cli("backup", "--prune", str(office.tmp))
    assert done.returncode == 0 and path.exists()
    old = office.tmp / "aged"
    old.mkdir()
    for name in ("young", "young.root"):
        content = bytearray((office.tmp / name).read_bytes())
        content[26:34] = (1000).to_bytes(8, "little")
        (old / name).write_bytes(content)
    (old / "mine").write_text("mine")
    done = office.cli("backup", "--prune", str(old))
    assert done.returncode == 0 and os.listdir(old) == ["mine"]


def test_without_a_recovery_key(own_office, tmp_path):
    done = own_office.cli("backup", "--to", str(tmp_path / "none"))
    assert done.returncode == 78 and "keygen" in done.stderr and os.listdir(tmp_path) == []
