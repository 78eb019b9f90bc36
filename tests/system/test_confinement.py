"""What the kernel says of each running role, asked from outside; and an installation run by an ordinary user."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

import desk
from desk import letter, signed, wait_for
from test_bad_days import ready

FOLDERS = {"edge": ["intake"], "dns": [], "inspect": [], "keeper": ["keeper"], "clerk": ["intake", "store"],
           "courier": ["store"], "desk": ["store"], "render": []}


def facts(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.split() for k, v in (line.split(":", 1) for line in lines)}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_every_role_is_confined(office):
    status = office.status()
    users = {}
    for role in status["roles"]:
        of, name = facts(role["pid"]), role["name"]
        assert of["Seccomp"] == ["2"] and of["NoNewPrivs"] == ["1"], name
        assert set(of["CapEff"] + of["CapPrm"]) == {"0000000000000000"}, name
        assert len(set(of["Uid"])) == 1 and of["Uid"][0] != "0" and "0" not in of["Gid"] + of["Groups"], name
        users.setdefault(of["Uid"][0], set()).add(name)
        root = os.readlink(f"/proc/{role['pid']}/root")
        assert root == str(office.folder if FOLDERS[name] else office.folder / "run" / "empty"), name
        own_net = os.readlink(f"/proc/{role['pid']}/ns/net") != os.readlink("/proc/self/ns/net")
        assert own_net == (name not in ("dns", "courier")), name
        sandbox = role["sandbox"]
        assert sandbox["uid"] == int(of["Uid"][0]) and sandbox["own_root"] and sandbox["own_user"]
        assert [f["dir"] for f in sandbox["files"]] == FOLDERS[name] and sandbox["missing"] == []
        limits = pathlib.Path(f"/proc/{role['pid']}/limits").read_text().splitlines()
        assert [x.split()[4:6] for x in limits if x.startswith("Max core file size")] == [["0", "0"]]
    assert all(len(names) == 1 for names in users.values())


def children(pids):
    """Processes aside, which roles have: who makes their connections, who looks into files, who starts the sandbox."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            of = facts(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of["PPid"][0]) in pids:
            yield int(path.name), of


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_processes_aside_have_nothing_but_what_they_are_for(office):
    roles = {r["pid"]: r["name"] for r in office.status()["roles"]}
    found = list(children(roles))
    assert {roles[int(of["PPid"][0])] for _, of in found} >= {"inspect", "render"}
    for pid, of in found:
        name = (roles[int(of["PPid"][0])], of["Name"])
        assert of["NoNewPrivs"] == ["1"] and "0" not in of["Uid"] + of["Gid"] + of["Groups"], name
        assert set(of["CapEff"] + of["CapPrm"]) == {"0000000000000000"}, name
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(fd)
            assert target.startswith(("socket:", "pipe:", "/dev/null", "/memfd:", "anon_inode:")) or "/log" in target, (name, target)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_no_role_holds_a_file_of_another(office):
    for role in office.status()["roles"]:
        for fd in pathlib.Path(f"/proc/{role['pid']}/fd").iterdir():
            try:
                target = os.readlink(fd)
            except FileNotFoundError:
                continue
            if target.startswith("/") and not target.startswith(("/dev/null", "/memfd:")) and "/log" not in target:
                allowed = [str(office.folder / d) for d in FOLDERS[role["name"]]] + [str(office.folder / "run" / "lock")]
                assert target.startswith(tuple(allowed)), (role["name"], target)


@pytest.mark.skipif(os.geteuid() != 0, reason="starts as root to become somebody else")
def test_works_for_an_ordinary_user_and_says_what_is_missing(world, monkeypatch):
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        build = pathlib.Path(top) / "program"
        (build / "libexec").mkdir(parents=True)
        for file in [desk.BUILD / "sealdesk", *(desk.BUILD / "libexec").glob("sealdesk-*")]:
            if file.is_file():
                shutil.copy(file, build / file.relative_to(desk.BUILD))
        home = pathlib.Path(top) / "home"
        home.mkdir()
        for path in world.folder.iterdir():
            shutil.copy(path, home / path.name)
        subprocess.run(["chown", "-R", "1000:1000", str(home)], check=True)
        monkeypatch.setattr(world, "folder", home)
        as_user = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", str(build / "sealdesk")]
        run, popen = subprocess.run, subprocess.Popen

        def lowered(call):
            return lambda command, **kw: call(as_user + command[1:] if command[0] == desk.SEALDESK else command, **kw)

        monkeypatch.setattr(desk.subprocess, "run", lowered(run))
        monkeypatch.setattr(desk.subprocess, "Popen", lowered(popen))
        world.zone()
        os.chmod(home / "zone", 0o666)
        office = None
        passwords = pathlib.Path.write_text
        monkeypatch.setattr(pathlib.Path, "write_text", lambda p, t: (passwords(p, t), os.chmod(p, 0o644))[0])
        try:
            office = desk.Office(home / "data", world)
            office.start()
            roles = office.status()["roles"]
            for role in roles:
                of = facts(role["pid"])
                assert of["Uid"] == ["1000"] * 4 and of["Seccomp"] == ["2"] and of["NoNewPrivs"] == ["1"]
                assert not role["sandbox"]["own_user"] and "roles share one user" in json.dumps(role["sandbox"]["missing"])
            assert "not enforced: not started as root" in office.cli("status").stdout
            assert office.send(signed(world, letter(subject="to a user"), "customer.example"))[0] == 250
            alice = office.sign_in("alice@desk.example")
            ticket = office.ticket_with(alice, "to a user")
            sink = desk.Sink(office.mx_port, world)
            try:
                assert office.reply(alice, ticket["id"], "from a user").status_code == 202
                wait_for(lambda: sink.messages, 20, "delivered")
            finally:
                sink.close()
            os.kill(office.pids("clerk")[0], signal.SIGKILL)
            wait_for(ready(office), 15, "ready again")
            assert office.cli("audit", "verify").returncode == 0
        finally:
            if office:
                office.stop()
