"""The log's first witnesses: every checkpoint reaches a file and a syslog server outside, and what they have convicts."""
import base64
import json
import re
import shutil
import socket
import subprocess

import pytest

import desk
from desk import wait_for
from test_log import open_note, verify

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")


def offices(tmp_path_factory, world, options):
    return desk.Office(tmp_path_factory.mktemp("witnessed") / "data", world, options)


def newest(office):
    """Makes a checkpoint; its size."""
    export = office.folder.parent / "export"
    done = office.cli("audit", "export", "--out", str(export))
    assert done.returncode == 0, done.stderr
    return json.loads(export.read_text().splitlines()[0])["size"]


def notes_of(text):
    return re.findall(r"(?s)desk\.example/sealdesk\n\d+\n.*?\n\n— [^\n]*\n", text)


class Syslog:
    """Debian's rsyslogd with a configuration, port and files of its own."""

    def __init__(self, folder, how, port=None):
        self.folder, self.how = folder, how
        self.folder.mkdir(exist_ok=True)
        self.port = port or desk.free_port()
        self.log, self.socket = folder / "messages", folder / "log.sock"
        self.process = None
        if how == "tls":
            self.certificates()

    def certificates(self):
        for name, subject in (("ca", "/CN=witness CA"), ("server", "/CN=localhost")):
            subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                            self.folder / f"{name}.key", "-subj", subject, "-out", self.folder / f"{name}.csr"], check=True,
                           capture_output=True)
        (self.folder / "san").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        (self.folder / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
        subprocess.run(["openssl", "x509", "-req", "-in", self.folder / "ca.csr", "-signkey", self.folder / "ca.key", "-days", "30",
                        "-extfile", self.folder / "ca.ext", "-out", self.folder / "ca.crt"], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", self.folder / "server.csr", "-CA", self.folder / "ca.crt", "-CAkey",
                        self.folder / "ca.key", "-CAcreateserial", "-days", "30", "-extfile", self.folder / "san", "-out",
                        self.folder / "server.crt"], check=True, capture_output=True)

    def start(self):
        lines = [f'global(workDirectory="{self.folder}" maxMessageSize="8k")']
        if self.how == "unix":
            lines += [f'module(load="imuxsock" SysSock.Use="off")', f'input(type="imuxsock" Socket="{self.socket}" UseSpecialParser="off")']
        elif self.how == "tls":
            lines += [f'global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{self.folder}/ca.crt"'
                      f' defaultNetstreamDriverCertFile="{self.folder}/server.crt" defaultNetstreamDriverKeyFile="{self.folder}/server.key")',
                      'module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")',
                      f'input(type="imtcp" address="127.0.0.1" port="{self.port}")']
        else:
            lines += ['module(load="imtcp")', f'input(type="imtcp" address="127.0.0.1" port="{self.port}")']
        lines += ['template(name="all" type="string" string="%pri% %protocol-version% %hostname% %app-name% %msgid% %msg%\\n")',
                  f'action(type="omfile" file="{self.log}" template="all")']
        (self.folder / "rsyslog.conf").write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([RSYSLOGD, "-n", "-iNONE", "-f", str(self.folder / "rsyslog.conf")],
                                        stdout=open(self.folder / "said", "ab"), stderr=subprocess.STDOUT)
        wait_for(self.listens, 10, "rsyslogd")

    def listens(self):
        assert self.process.poll() is None, (self.folder / "said").read_text()
        if self.how == "unix":
            return self.socket.exists()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.process = None

    def notes(self):
        if not self.log.exists():
            return []
        return [base64.b64decode(n) for n in re.findall(r" note=([A-Za-z0-9+/=]+)", self.log.read_text())]

    def sizes(self):
        return [int(n.split(b"\n")[1]) for n in self.notes()]

    def setting(self):
        return f"unix:{self.socket}" if self.how == "unix" else f"{self.how}:127.0.0.1:{self.port}"


needs_rsyslog = pytest.mark.skipif(not RSYSLOGD, reason="needs Debian's rsyslog and rsyslog-openssl")


def test_a_file(tmp_path_factory, tmp_path, world):
    """Appended to, outside of every role's reach; a later forgery is found by what it has."""
    file = tmp_path / "outside" / "checkpoints"
    file.parent.mkdir()
    office = offices(tmp_path_factory, world, [f"log.checkpoint_file={file}"])
    key = office.cli("audit", "key").stdout.strip()
    office.start()
    try:
        size = newest(office)
        wait_for(lambda: file.exists() and any(f"\n{size}\n" in n for n in notes_of(file.read_text())), 15, "in the file")
        later = newest(office)
        wait_for(lambda: any(f"\n{later}\n" in n for n in notes_of(file.read_text())), 15, "and the next one")
        assert later > size
    finally:
        assert office.stop() == 0
    notes = notes_of(file.read_text())
    assert "".join(notes) == file.read_text()
    assert [open_note(key, n)[0] for n in notes] == sorted(open_note(key, n)[0] for n in notes)
    (tmp_path / "kept").write_text(notes[-1])
    office.cli("audit", "export", "--out", str(tmp_path / "export"))
    assert verify(key, "--checkpoint", tmp_path / "kept", tmp_path / "export")[0] == 0
    rewritten = (tmp_path / "export").read_bytes().replace(b'"granted"', b'"refused"', 1)
    (tmp_path / "forged").write_bytes(rewritten)
    assert verify(key, "--checkpoint", tmp_path / "kept", tmp_path / "forged")[0] == 1


def test_a_file_that_is_moved_away(tmp_path_factory, tmp_path, world):
    """As logrotate does: the next checkpoint is in a new file."""
    file = tmp_path / "checkpoints"
    office = offices(tmp_path_factory, world, [f"log.checkpoint_file={file}"])
    office.start()
    try:
        wait_for(file.exists, 15, "the file")
        newest(office)
        file.unlink()
        size = newest(office)
        wait_for(lambda: file.exists() and f"\n{size}\n" in file.read_text(), 20, "a new file")
    finally:
        assert office.stop() == 0


@needs_rsyslog
@pytest.mark.parametrize("how", ["tls", "tcp", "unix"])
def test_a_syslog_server(tmp_path_factory, tmp_path, world, how):
    """Debian's rsyslogd has each checkpoint; away for a while, it gets the newest, and nothing else was stopped by that."""
    server = Syslog(tmp_path / "syslog", how)
    server.start()
    options = [f"log.syslog={server.setting()}"] + ([f"log.syslog_ca={server.folder}/ca.crt"] if how == "tls" else [])
    office = offices(tmp_path_factory, world, options)
    key = office.cli("audit", "key").stdout.strip()
    office.start()
    try:
        size = newest(office)
        wait_for(lambda: any(n >= size for n in server.sizes()), 60, "a checkpoint")  # or a newer one in its place
        for note in server.notes():
            open_note(key, note.decode())
        line = server.log.read_text().splitlines()[-1]
        assert " sealdesk checkpoint " in line and "mail.desk.example" in line and line.startswith("109 ")
        server.stop()
        if how == "unix":
            server.socket.unlink(missing_ok=True)
        missed = newest(office)
        wait_for(lambda: any("syslog" in r for r in office.status()["reasons"]), 30, "said so")
        assert office.status()["ready"] and office.cli("status").returncode == 0
        last = newest(office)
        server.start()
        wait_for(lambda: any(n >= last for n in server.sizes()), 90, "the newest, after it was away")
        assert missed not in server.sizes() or missed == last
        wait_for(lambda: not office.status()["reasons"], 20, "all well")
    finally:
        assert office.stop() == 0
        server.stop()


@needs_rsyslog
def test_somebody_elses_certificate(tmp_path_factory, tmp_path, world):
    """A server that cannot prove its name gets nothing."""
    server = Syslog(tmp_path / "syslog", "tls")
    server.start()
    other = Syslog(tmp_path / "other", "tls")
    office = offices(tmp_path_factory, world, [f"log.syslog={server.setting()}", f"log.syslog_ca={other.folder}/ca.crt"])
    office.start()
    try:
        newest(office)
        wait_for(lambda: any("certificate" in r for r in office.status()["reasons"]), 30, "said so")
        assert server.notes() == [] and office.status()["ready"]
    finally:
        assert office.stop() == 0
        server.stop()


def test_no_network_without_a_syslog_server(office):
    """The clerk is given a network for this alone."""
    [clerk] = [r for r in office.status()["roles"] if r["name"] == "clerk"]
    assert clerk["sandbox"]["network"].startswith("none")


def test_settings(tmp_path):
    done = subprocess.run([desk.SEALDESK, "init", str(tmp_path / "d"), "--hostname", "mail.a.example", "--domain", "a.example", "--queue",
                           "support=support@a.example"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    conf = str(tmp_path / "d/sealdesk.conf")
    for setting in ("log.syslog=udp:127.0.0.1:514", "log.syslog=tls:host", "log.checkpoint_file=checkpoints",
                    f"log.checkpoint_file={tmp_path}/d/checkpoints", "log.keep_access_days=30", "log.keep_system_days=0"):
        checked = subprocess.run([desk.SEALDESK, "check", "-c", conf, "-o", setting], capture_output=True, text=True, timeout=60)
        assert checked.returncode == 78 and setting.split("=")[0] in checked.stdout + checked.stderr
