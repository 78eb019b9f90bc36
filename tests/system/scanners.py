"""Real scanners for tests: ClamAV's daemon and rspamd, each in a folder of its own, on private sockets, without any network."""
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from desk import SLOW, free_port, wait_for

# In two parts: nothing that scans this tree finds it.
EICAR = "".join(["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"]).encode()
EICAR_NAME = "Test.Eicar"
CLAMD = shutil.which("clamd") or "/usr/sbin/clamd"
RSPAMD = shutil.which("rspamd")


def folder_for_others(prefix):
    """Sealdesk's processes have user ids of their own; pytest's folders are their owner's alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    folder.chmod(0o755)
    return folder


class Daemon:
    """A program in the foreground with a folder of its own, which goes when it is closed."""

    def __init__(self, prefix):
        self.folder = folder_for_others(prefix)
        self.process = None

    def launch(self, command, ready, seconds=20):
        self.out = open(self.folder / "out", "ab")
        self.process = subprocess.Popen(command, stdout=self.out, stderr=self.out, stdin=subprocess.DEVNULL, cwd=self.folder)

        def up():
            assert self.process.poll() is None, (self.folder / "out").read_text()[-2000:]
            return ready()
        wait_for(up, seconds, command[0])

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Clamd(Daemon):
    """ClamAV's daemon with the signatures that a test gives it; EICAR is one from the start."""

    def __init__(self, options=()):
        if not os.access(CLAMD, os.X_OK):
            pytest.skip("clamd is not installed (apt install clamav-daemon)")
        super().__init__("sealdesk-clamd-")
        self.socket = self.folder / "clamd.ctl"
        self.database = self.folder / "db"
        self.database.mkdir(mode=0o755)
        (self.folder / "tmp").mkdir()
        self.hashes, self.bodies, self.updates = [], [], 0
        self.add_hash(EICAR, EICAR_NAME)
        self.add_body(EICAR, EICAR_NAME + ".Inside")
        self.write()
        self.conf = self.folder / "clamd.conf"
        self.conf.write_text("\n".join([
            "Foreground yes", f"LocalSocket {self.socket}", "LocalSocketMode 666", "FixStaleSocket yes",
            f"DatabaseDirectory {self.database}", f"TemporaryDirectory {self.folder / 'tmp'}", "AlertExceedsMax yes",
            "AlertEncrypted yes", "MaxThreads 4", "MaxFileSize 30M", "MaxScanSize 300M",
            "SelfCheck 3600", *options]) + "\n")
        self.conf.chmod(0o644)
        self.endpoint = f"unix:{self.socket}"

    # ---- signatures ----

    def add_hash(self, content, name):
        """A whole file by its MD5 sum."""
        self.hashes.append(f"{hashlib.md5(content).hexdigest()}:{len(content)}:{name}")

    def add_body(self, part, name):
        """A file of any type that has this in it."""
        self.bodies.append(f"{name}:0:*:{part.hex()}")

    def write(self):
        for name, lines in (("test.hdb", self.hashes), ("test.ndb", self.bodies)):
            new = self.folder / (name + ".new")
            new.write_text("".join(line + "\n" for line in lines))
            new.chmod(0o644)
            new.rename(self.database / name)

    def update(self):
        """As freshclam does it: files are put in place as a whole, and the daemon is told."""
        self.updates += 1
        mark = self.folder / "mark"
        mark.write_text(f"the update number {self.updates}")
        self.add_hash(mark.read_bytes(), f"Test.Update.{self.updates}")
        self.write()
        assert self.ask("RELOAD") == "RELOADING"
        wait_for(lambda: f"Test.Update.{self.updates}." in self.ask(f"SCAN {mark}"), 10, "reloaded")

    # ---- running ----

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10 * SLOW)
            s.connect(str(self.socket))
            s.sendall(b"z" + command.encode() + b"\0")
            answer = b""
            while part := s.recv(4096):
                answer += part
        return answer.rstrip(b"\0\n").decode()

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("PING") == "PONG"
        return False

    def start(self):
        self.launch([CLAMD, "--config-file", str(self.conf)], self.answers)
        return self

    def options(self):
        """What tells an installation about it; waits are short."""
        return [f"scan.clamd={self.endpoint}", f"scan.signatures={self.database}", f"scan.clamd_conf={self.conf}",
                "scan.settle_seconds=1", "scan.ask_seconds=1"]


class Rspamd(Daemon):
    """rspamd's normal worker and controller, with the test pattern of spam (GTUBE) and a learner, without Redis or network."""

    PASSWORD = "teach it well"

    def __init__(self, history_rows=200):
        if not RSPAMD:
            pytest.skip("rspamd is not installed (apt install rspamd)")
        super().__init__("sealdesk-rspamd-")
        self.port, self.controller_port = free_port(), free_port()
        self.password_file = self.folder / "password"
        self.password_file.write_text(self.PASSWORD + "\n")
        self.password_file.chmod(0o600)
        # Compiling patterns of all top-level domains and languages takes it nine seconds.
        (self.folder / "tlds").write_text("example\n")
        (self.folder / "languages").mkdir()
        self.conf = self.folder / "rspamd.conf"
        self.conf.write_text(self.text(history_rows))
        self.endpoint, self.controller = f"tcp:127.0.0.1:{self.port}", f"tcp:127.0.0.1:{self.controller_port}"

    def text(self, history_rows):
        f = self.folder
        return f"""
options {{
  pidfile = "{f}/pid"; dynamic_conf = "{f}/dynamic"; history_file = "{f}/history"; history_rows = {history_rows};
  tempdir = "{f}"; cache_file = "{f}/symbols.cache"; hs_cache_dir = "{f}"; control_socket = "{f}/control.sock mode=0600";
  filters = "regexp"; dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
  local_addrs = []; words_decay = 600; url_tld = "{f}/tlds"; disable_hyperscan = true;
  allow_raw_input = true; task_timeout = 8s;
}}
lang_detection {{ languages = "{f}/languages"; }}
logging {{ type = "console"; level = "notice"; }}
modules {{ path = "/usr/share/rspamd/plugins/"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{self.port}"; count = 1; mime = true; }}
worker "controller" {{ bind_socket = "127.0.0.1:{self.controller_port}"; count = 1; password = "{self.PASSWORD}"; secure_ip = []; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
group "tests" {{ symbols {{ "TEST_WORD" {{ weight = 7.0; }} }} }}
group "statistics" {{ symbols {{ "BAYES_SPAM" {{ weight = 5.1; }} "BAYES_HAM" {{ weight = -3.0; }} }} }}
regexp {{ "TEST_WORD" {{ re = "/buy cheap pills now/i{{mime}}"; score = 7.0; }} }}
classifier "bayes" {{
  tokenizer {{ name = "osb"; }} backend = "sqlite3"; cache {{ path = "{f}/learn_cache.sqlite"; }} min_tokens = 3; min_learns = 1; learn_condition = false;
  statfile {{ symbol = "BAYES_HAM"; path = "{f}/ham.sqlite"; spam = false; }}
  statfile {{ symbol = "BAYES_SPAM"; path = "{f}/spam.sqlite"; spam = true; }}
}}
"""

    def answers(self):
        for port in (self.port, self.controller_port):
            try:
                with socket.create_connection(("127.0.0.1", port), 2) as s:
                    s.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
                    if b"200" not in s.recv(4096):
                        return False
            except OSError:
                return False
        return True

    def start(self):
        self.launch([RSPAMD, "-f", "-i", "-c", str(self.conf)], self.answers)
        return self

    def options(self):
        return [f"scan.rspamd={self.endpoint}", f"scan.rspamd_controller={self.controller}",
                f"scan.rspamd_password_file={self.password_file}", "access.warrant_policies=rescan, learn"]
