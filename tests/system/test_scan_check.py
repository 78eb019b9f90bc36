"""What `sealdesk check` says about virus scanner, spam filter and previews, beside the real programs."""
import json
import os
import re
import subprocess

import pytest
import requests

import desk
import samples
import scanners



@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check") / "d"
    made = subprocess.run([desk.SEALDESK, "init", folder, "--hostname", "mail.a.example", "--domain", "a.example"], capture_output=True)
    assert made.returncode == 0, made.stderr
    return folder / "sealdesk.conf"


@pytest.fixture(scope="module")
def clamd():
    clamd = scanners.Clamd().start()
    yield clamd
    clamd.close()


def warnings(conf, *options):
    """All of them as one text; none of these is a problem that keeps Sealdesk from running."""
    command = [desk.SEALDESK, "check", "--json", "-c", str(conf)]
    done = subprocess.run([*command, *[x for o in options for x in ("-o", o)]], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)["warnings"]


def about(conf, word, *options):
    return [w for w in warnings(conf, *options) if re.search(word, w)]


def test_no_scanner_costs_all_attachments(conf):
    (said,) = about(conf, r"scan\.clamd", "scan.clamd=")
    assert "no attachment can be opened" in said and "apt install clamav-daemon" in said


def test_a_scanner_that_is_not_there(conf, tmp_path):
    (said,) = about(conf, r"^scan\.clamd", f"scan.clamd=unix:{tmp_path}/none", "scan.clamd_conf=")
    assert f"{tmp_path}/none" in said and "no attachment can be opened" in said and "systemctl" in said


def test_a_scanner_that_answers_and_is_set_well(conf, clamd):
    said = about(conf, "clamd", *clamd.options())
    assert len(said) == 1 and "no date" in said[0]  # it has the test's own signatures alone


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's roles have user ids of their own")
def test_a_scanner_that_our_roles_may_not_ask(conf, clamd):
    clamd.socket.chmod(0o660)
    try:
        (said,) = about(conf, "LocalSocketMode", *clamd.options())
        assert str(clamd.socket) in said
    finally:
        clamd.socket.chmod(0o666)


def test_limits_and_places_of_the_scanner(conf, clamd, tmp_path):
    wrong = tmp_path / "clamd.conf"
    wrong.write_text(f"MaxFileSize 10M\nTemporaryDirectory /proc\n")
    said = " | ".join(about(conf, str(wrong), *clamd.options(), f"scan.clamd_conf={wrong}"))
    for word in ("MaxFileSize 10M", "AlertExceedsMax yes", "AlertEncrypted yes", "/proc is on a disk"):
        assert word in said, word
    (said,) = about(conf, "cannot be read", *clamd.options(), f"scan.clamd_conf={tmp_path}/none")
    assert f"{tmp_path}/none" in said


def test_rspamd_that_is_not_there(conf):
    port = desk.free_port()
    (said,) = about(conf, r"^scan\.rspamd:", f"scan.rspamd=tcp:127.0.0.1:{port}")
    assert "without its score" in said and str(port) in said


def test_rspamd_that_remembers_letters(conf):
    rspamd = scanners.Rspamd().start()
    try:
        options = rspamd.options()
        assert not about(conf, r"scan\.rspamd|keeps a history", *options)
        requests.post(f"http://127.0.0.1:{rspamd.port}/checkv2", data=samples.mail("kept"), timeout=10)
        (said,) = about(conf, "keeps a history", *options)
        assert "history_file" in said
        rspamd.password_file.write_text("wrong\n")
        assert about(conf, "refuses the password", *options)
    finally:
        rspamd.close()


def test_what_nobody_may_do_without_a_person(conf):
    assert about(conf, "does not name rescan", "access.warrant_policies=none")
    assert about(conf, "does not name learn", "scan.rspamd_controller=tcp:127.0.0.1:1")
    assert not about(conf, "warrant_policies", "access.warrant_policies=rescan, learn", "scan.rspamd_controller=tcp:127.0.0.1:1")


def test_init_writes_down_what_to_install(conf):
    text = conf.read_text()
    assert 'clamd = "unix:/run/clamav/clamd.ctl"' in text and ("apt install clamav-daemon" in text or "\n    clamd" in text)
