"""The command line in hands that slip: what is refused says why and what to do, and leaves nothing half made."""
import json
import os
import shutil
import socket
import stat
import subprocess

import pytest

import desk

NAMES = ["--hostname", "mail.a.example", "--domain", "a.example"]


def run(*args, **kwargs):
    return subprocess.run([desk.SEALDESK, *map(str, args)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kwargs)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usage") / "da ta"
    assert run("init", f"{folder}/", *NAMES).returncode == 0
    return folder


def test_init_on_what_is_there_changes_nothing_and_never_says_remove(data, tmp_path):
    again = run("init", data, *NAMES)
    assert again.returncode == 1 and "remove" not in again.stderr and "Nothing was changed" in again.stderr
    (tmp_path / "home").mkdir(mode=0o1777)
    (tmp_path / "home").chmod(0o1777)
    (tmp_path / "home/letter").write_text("x")
    before = stat.S_IMODE((tmp_path / "home").stat().st_mode)
    for command in (["init", tmp_path / "home", *NAMES], ["demo", "--once", tmp_path / "home"]):
        assert run(*command).returncode == 1
        assert [p.name for p in (tmp_path / "home").iterdir()] == ["letter"]
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == before


@pytest.mark.parametrize("wrong", [
    ["--hostname", "@@", "--domain", "a.example"], ["--hostname", "a b", "--domain", "a.example"],
    ["--hostname", "m.a.example", "--domain", "-.example"], ["--hostname", "m.a.example", "--domain", "a..example"],
    [*NAMES, "--queue", "support"], [*NAMES, "--queue", "support=x@other.example"], [*NAMES, "--queue", "=x@a.example"],
    [*NAMES, "--queue", "a=x@a.example", "--queue", "b=X@a.example"], [*NAMES, "--queue", "a=x@a.example", "--queue", "a=y@a.example"]])
def test_init_refuses_names_before_it_makes_anything(tmp_path, wrong):
    done = run("init", tmp_path / "d", *wrong)
    assert done.returncode == 2 and done.stderr and not (tmp_path / "d").exists()


def test_init_says_when_the_path_is_too_long(tmp_path):
    deep = tmp_path / "/".join(["x" * 60] * 8)
    deep.mkdir(parents=True)
    done = run("init", deep / "d", *NAMES)
    assert done.returncode == 1 and "too long" in done.stderr and not (deep / "d").exists()


def test_usage_is_2_and_help_is_0(data):
    conf = data / "sealdesk.conf"
    for wrong in (["run"], ["status"], ["check"], ["dns"], ["user", "list"], ["audit", "verify"], ["status", "-c", conf, "more"],
                  ["run", "-c", conf, "more"], ["user", "list", "-c", conf, "more"], ["audit", "frob", "-c", conf], ["demo", "a", "b"],
                  ["check", "-c", conf, *["-o", "log.level=info"] * 65]):
        done = run(*wrong)
        assert done.returncode == 2 and done.stderr, wrong
    for wrong in (["quarantine"], ["quarantine", "list", "more"], ["quarantine", "show"], ["quarantine", "show", "12345"],
                  ["quarantine", "show", "not hex!"], ["quarantine", "show", "0" * 33], ["quarantine", "release", "0" * 32],
                  ["quarantine", "destroy", "0" * 32], ["quarantine", "destroy", "0" * 32, "--break-glass", "short"],
                  ["quarantine", "destroy", "0" * 32, "--reason", "not the right option"], ["incident"], ["incident", "close"],
                  ["incident", "close", "1"], ["incident", "close", "one", "--note", "n"], ["incident", "list", "1"]):
        done = run(*wrong, "-c", conf)
        assert done.returncode == 2 and done.stderr, wrong
    for command in ("init", "run", "status", "check", "dns", "user", "audit", "verify", "demo", "quarantine", "incident"):
        done = run(command, "--help")
        assert done.returncode == 0 and f"sealdesk {command}" in done.stdout


@pytest.mark.parametrize("option", ["log.level=loud", "dns.resolver=nonsense", "dns.resolver=127.0.0.1@x", "courier.relay=nonsense",
                                    "smtp.listen=127.0.0.1", "inspect.workers=99", "scan.clamd=/run/clamav/clamd.ctl",
                                    "scan.when_down=open", "scan.malicious=accept", "scan.rspamd=127.0.0.1:11333", "scan.depth=0",
                                    "preview.max_pages=501"])
def test_values_are_checked_before_anything_starts(data, option):
    done = run("run", "-c", data / "sealdesk.conf", "-o", option)
    assert done.returncode == 78 and done.stderr.startswith(option.split("=")[0])
    said = json.loads(run("check", "--json", "-c", data / "sealdesk.conf", "-o", option).stdout)
    assert not said["ok"] and said["problems"][0].startswith(option.split("=")[0])


def test_a_folder_is_no_configuration(data):
    done = run("check", "-c", data)
    assert done.returncode == 78 and "directory" in done.stderr


def test_a_port_in_use_is_named(data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("run", "-c", data / "sealdesk.conf", "-o", f"desk.listen=127.0.0.1:{port}", "-o", f"smtp.listen=127.0.0.1:{desk.free_port()}")
    assert done.returncode == 1 and f"127.0.0.1 port {port}" in done.stderr


def test_listening_never_removes_a_file_or_a_socket_in_use(data, tmp_path):
    (tmp_path / "notes").write_text("precious")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(tmp_path / "sock"))
        taken.listen()
        for name in ("notes", "sock"):
            done = run("run", "-c", data / "sealdesk.conf", "-o", f"smtp.listen=unix:{tmp_path}/{name}", "-o",
                       f"desk.listen=127.0.0.1:{desk.free_port()}")
            assert done.returncode == 1 and f"{tmp_path}/{name}" in done.stderr
            assert (tmp_path / name).exists()
    assert (tmp_path / "notes").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_others_are_told_that_they_may_not(data, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(data, copy / "data", ignore=shutil.ignore_patterns("*.sock"))
    for path in [*copy.parents][:3] + [copy, *copy.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o555 if path.is_dir() else path.stat().st_mode | 0o444)

    def nobody(*args):
        return subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", desk.SEALDESK, *map(str, args)],
                              capture_output=True, text=True, timeout=60)
    if nobody("--version").returncode != 0:
        pytest.skip("the build is not readable to others")
    conf = copy / "data/sealdesk.conf"
    refused = nobody("run", "-c", conf)
    assert refused.returncode == 77 and "only root" in refused.stderr.lower()
    assert nobody("init", copy / "new", *NAMES).returncode == 77
    conf.chmod(0o600)
    done = nobody("status", "-c", conf)
    assert done.returncode == 77 and "only root" in done.stderr


def test_json_where_there_is_output(data, tmp_path):
    made = json.loads(run("init", tmp_path / "d", *NAMES, "--json").stdout)
    assert made["conf"] == f"{tmp_path}/d/sealdesk.conf" and len(made["records"]) == 5
    assert json.loads(run("dns", "--json", "-c", made["conf"]).stdout)["records"] == made["records"]
    check = json.loads(run("check", "--json", "-c", made["conf"]).stdout)
    assert check["ok"] and check["problems"] == [] and "smtp.tls_cert is not set: senders cannot encrypt" in check["warnings"]
    for line in run("audit", "list", "--json", "-c", made["conf"]).stdout.splitlines():
        record = json.loads(line)
        assert {"seq", "time", "actor", "action", "object", "ticket", "outcome", "reason", "origin"} <= set(record)
