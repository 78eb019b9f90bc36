"""Each folder of the data directory full by itself: what needs it waits and says so, all else goes on, nothing is lost."""
import contextlib
import os
import shutil
import subprocess
import time

import pytest
import requests

import desk
from desk import letter, signed, wait_for
from test_bad_days import SlowSink, kill, ready

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")


class SmallDisk:
    """A file system of its own under one folder of the data directory."""

    def __init__(self, folder, size="12m"):
        self.folder = folder
        content = folder.with_name(folder.name + ".before")
        shutil.move(folder, content)
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        subprocess.run(["cp", "-a", f"{content}/.", str(folder)], check=True)
        self.filler = folder / "zz-filler"  # no name of Sealdesk's own

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(b"x" * 4096)
        with open(self.filler, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(b"x")

    def free(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@pytest.fixture
def small(tmp_path_factory, world, request):
    office = desk.Office(tmp_path_factory.mktemp("small") / "data", world)
    disk = SmallDisk(office.folder / request.param)
    try:
        office.start()
        yield office, disk
        disk.free()
        assert office.stop() == 0
    finally:
        office.stop()
        disk.close()


def send(office, world, subject, **kwargs):
    return office.send(signed(world, letter(subject=subject, **kwargs), "customer.example"))[0]


def reason(office, word):
    def found():
        status = office.status()
        return status and not status["ready"] and [r for r in status["reasons"] if word in r]
    return wait_for(found, 25, f"a reason with {word!r}")


def subjects(office, session):
    return [t["subject"] for t in office.tickets(session, limit=100)]


def each_once(office, session, wanted):
    wait_for(lambda: office.status()["intake_waiting"] == 0, 30, "all filed")
    have = subjects(office, session)
    assert [(s, have.count(s)) for s in wanted if have.count(s) != 1] == []


@pytest.mark.parametrize("small", ["store"], indirect=True)
def test_full_store(small, world):
    office, disk = small
    alice = office.sign_in("alice@desk.example")
    assert send(office, world, "before") == 250
    office.ticket_with(alice, "before")
    disk.fill()
    wanted = [f"no room {n}" for n in range(12)]
    assert [send(office, world, s, text=os.urandom(20000).hex()) for s in wanted] == [250] * 12
    assert "clerk" in reason(office, "no space left for the store")[0]
    assert office.status()["intake_waiting"] > 0
    for role in ("clerk", "keeper"):  # adopted, and not filed: the next ones must come to the same end
        for pid in office.pids(role):
            kill(pid)
    wait_for(lambda: all(office.pids("keeper") + office.pids("clerk")), 20, "back")
    disk.free()
    wait_for(ready(office), 30, "ready again")
    each_once(office, alice, ["before", *wanted])


@pytest.mark.parametrize("small", ["store"], indirect=True)
def test_full_store_while_an_answer_is_on_its_way(small, world):
    """The receiver has taken it, and there is no room to say so: kept in memory until there is, not sent once more."""
    office, disk = small
    sink = SlowSink(office.mx_port, world, 4)
    try:
        alice = office.sign_in("alice@desk.example")
        assert send(office, world, "answer me") == 250
        ticket = office.ticket_with(alice, "answer me")
        assert office.reply(alice, ticket["id"], "here it is").status_code == 202
        wait_for(lambda: getattr(sink, "in_data", False), 10, "DATA")
        disk.fill()
        wait_for(lambda: sink.messages, 10, "taken")
        time.sleep(8)
        assert office.status()["outbound"] == 1
        disk.free()
        wait_for(lambda: office.status()["outbound"] == 0, 30, "recorded")
        time.sleep(2)
        assert len(sink.messages) == 1
        out = [m for m in office.get(alice, f"/tickets/{ticket['id']}").json()["messages"] if m["direction"] == "out"]
        assert [m["delivery"]["state"] for m in out] == ["sent"]
    finally:
        sink.close()


@pytest.mark.parametrize("small", ["keeper"], indirect=True)
def test_full_keeper(small, world):
    office, disk = small
    alice = office.sign_in("alice@desk.example")
    assert send(office, world, "before", text="the old secret\r\n") == 250
    ticket = office.ticket_with(alice, "before")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]
    disk.fill()
    wanted = [f"no log {n}" for n in range(8)]
    assert [send(office, world, s) for s in wanted] == [250] * 8
    for _ in range(60):  # what room the log still had is used up; then nothing is opened off the record
        answer = office.get(alice, f"/messages/{first}")
        if answer.status_code != 200:
            break
    assert answer.status_code >= 500 and "secret" not in answer.text
    assert "keeper" in " ".join(reason(office, "audit log"))
    disk.free()
    wait_for(ready(office), 30, "ready again")
    assert office.get(alice, f"/messages/{first}").status_code == 200
    each_once(office, alice, ["before", *wanted])
    assert office.cli("audit", "verify").returncode == 0


@pytest.mark.parametrize("small", ["keeper/log"], indirect=True)
def test_full_log(small, world):
    """The log alone: reading and answering stop and say why, mail goes on being taken in; with room again all is well though nobody
    asks for anything."""
    office, disk = small
    alice = office.sign_in("alice@desk.example")
    assert send(office, world, "before", text="the old secret\r\n") == 250
    ticket = office.ticket_with(alice, "before")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]
    disk.fill()
    answer = office.get(alice, f"/messages/{first}")
    for _ in range(60):
        if answer.status_code != 200:
            break
        answer = office.get(alice, f"/messages/{first}")
    assert answer.status_code >= 500 and "secret" not in answer.text
    assert office.reply(alice, ticket["id"], "unheard").status_code >= 500
    assert "keeper" in " ".join(reason(office, "audit log"))
    assert requests.get(office.url + "/readyz", timeout=5).status_code == 503
    assert [send(office, world, f"no log {n}") for n in range(3)] == [250] * 3
    disk.free()
    wait_for(ready(office), 30, "ready again")
    assert office.get(alice, f"/messages/{first}").status_code == 200
    each_once(office, alice, ["before", *[f"no log {n}" for n in range(3)]])
    assert office.cli("audit", "verify").returncode == 0


@pytest.mark.parametrize("small", ["intake"], indirect=True)
def test_full_intake(small, world):
    office, disk = small
    alice = office.sign_in("alice@desk.example")
    assert send(office, world, "before") == 250
    office.ticket_with(alice, "before")
    disk.fill()
    wanted, codes = ["before"], []
    for n in range(10):
        subject = f"no intake {n}"
        codes.append(send(office, world, subject, text=os.urandom(20000).hex()))
        if codes[-1] == 250:
            wanted.append(subject)
    assert 452 in codes and set(codes) <= {250, 452}
    assert "edge" in reason(office, "intake")[0]
    disk.free()
    wait_for(lambda: send(office, world, "room again") == 250, 20, "taken again")
    wait_for(ready(office), 30, "ready again")
    each_once(office, alice, [*wanted, "room again"])
