"""The systems under load. Each is started, says which processes are its parts, and says when all accepted mail is where it belongs."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time

import measure

ADDRESS = "192.0.2.1"
RECIPIENT = "support@desk.example"


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise SystemExit(f"bench: {what}: not within {seconds} s")
        time.sleep(0.1)


def greets(port):
    try:
        with socket.create_connection((ADDRESS, port), 2) as s:
            s.settimeout(5)
            return s.recv(100).startswith(b"220")
    except OSError:
        return False


class System:
    name = ""
    deferred = False  # does work after the 250

    def __init__(self, bench):
        self.bench = bench
        self.parts = {}  # part -> Popen
        self.accepted = 0  # letters that got their 250

    def spawn(self, part, command):
        log = open(self.bench.work / "log" / f"{self.name}-{part}", "ab")
        self.parts[part] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            cwd="/")

    def role(self, part, process_name):
        return part

    def check_alive(self):
        for part, process in self.parts.items():
            if process.poll() is not None:
                raise SystemExit(f"bench: {part} of {self.name} has ended by itself (see {self.bench.work}/log)")

    def tree(self):
        return {pid: (part, *rest) for part, process in self.parts.items() for pid, rest in measure.tree([process.pid]).items()}

    def pids(self):
        return list(self.tree())

    def cpu(self):
        """role -> CPU seconds so far"""
        sums = {}
        for part, name, seconds in self.tree().values():
            role = self.role(part, name)
            sums[role] = sums.get(role, 0) + seconds
        return sums

    def settled(self):
        return True

    def kept(self):
        """How many letters lie in the end where they belong; None when that cannot be said."""

    def stop(self):
        for process in reversed(self.parts.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.parts = {}


class Floor(System):
    name = "floor"
    port = 2500

    def start(self):
        self.file = self.bench.new_folder("floor") / "log"
        self.spawn("floor", [str(self.bench.build / "bench/bench-floor"), f"{ADDRESS}:{self.port}", str(self.bench.corpus / "zone"),
                             str(self.file)])
        wait_for(lambda: greets(self.port), 10, "floor")


class Sealdesk(System):
    name = "sealdesk"
    deferred = True
    port = 2501

    def start(self):
        # Its roles, which run as users of their own, must be able to get to their folders.
        self.dir = self.bench.new_folder("sealdesk") / "data"
        self.program = str(self.bench.build / "sealdesk")
        made = subprocess.run([self.program, "init", str(self.dir), "--hostname", "mail.desk.example", "--domain", "desk.example",
                               "--queue", f"support={RECIPIENT}"], capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"bench: sealdesk init: {made.stderr}")
        self.conf = str(self.dir / "sealdesk.conf")
        options = [f"smtp.listen={ADDRESS}:{self.port}", "desk.listen=127.0.0.1:2502", f"dns.local_data={self.bench.corpus / 'zone'}"]
        self.spawn("sealdesk", [self.program, "run", "-c", self.conf, *[x for o in options for x in ("-o", o)]])
        wait_for(lambda: self.status().get("ready"), 30, f"sealdesk is not ready (see {self.bench.work}/log/sealdesk-sealdesk)")

    def status(self):
        done = subprocess.run([self.program, "status", "-c", self.conf, "--json"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else {}

    def role(self, part, process_name):
        role = process_name.removeprefix("sealdesk-")  # the kernel cuts names at 15 characters
        return {"inspec": "inspect", "courie": "courier", "sealdesk": "supervisor"}.get(role, role)

    def settled(self):
        return self.status().get("intake_waiting") == 0

    def kept(self):
        database = next((self.dir / "store").glob("*.db"), None)
        if not database:
            return None
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
            return store.execute("SELECT count(*) FROM message").fetchone()[0]


class Peer(System):
    """Debian's Postfix, OpenDKIM and OpenDMARC (with its own SPF check), delivering to one file per message; resolver: unbound with
    the same zone. Nothing logs to syslog, which is in its favour."""
    name = "postfix"
    deferred = True
    port = 25

    def __init__(self, bench):
        super().__init__(bench)
        self.root = bench.work / "peer/root"
        self.is_prepared = False

    def chroot(self, *command):
        return ["chroot", str(self.root), *command]

    def run(self, *command):
        done = subprocess.run(self.chroot(*command), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(command)}: {done.stderr}")
        return done.stdout

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)

    def prepare(self):
        """Mounts the overlay with the packages, its spool on the disk all systems use."""
        peer = self.bench.work / "peer"
        mount = lambda *a: subprocess.run(["mount", *a], check=True)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={peer}/upper,workdir={peer}/work", str(self.root))
        for folder in ("proc", "dev"):
            mount("--rbind", f"/{folder}", f"{self.root}/{folder}")
        mount("-t", "tmpfs", "tmpfs", f"{self.root}/run")
        spool = self.bench.new_folder("postfix")
        subprocess.run(["cp", "-a", f"{self.root}/var/spool/.", str(spool)], check=True)
        mount("--bind", str(spool), f"{self.root}/var/spool")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n192.0.2.1 mail.desk.example\n")
        self.mail = spool / "letters"
        self.mail.mkdir()
        os.chown(self.mail, 5000, 5000)
        for part in ("opendkim", "opendmarc"):
            folder = self.root / "run" / part
            folder.mkdir()
            folder.chmod(0o777)
        self.configure_resolver()
        self.configure_filters()
        self.configure_postfix()
        self.is_prepared = True

    def configure_resolver(self):
        lines = (self.bench.corpus / "zone").read_text().splitlines()
        data = "".join(f"  local-data: '{line}'\n" for line in lines)
        self.write("etc/unbound/unbound.conf",
                   "server:\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  interface: 127.0.0.1\n"
                   "  module-config: \"iterator\"\n  local-zone: \"100.51.198.in-addr.arpa.\" nodefault\n"
                   f"  local-zone: \".\" static\n{data}remote-control:\n  control-enable: no\n")

    def configure_filters(self):
        self.write("etc/opendkim.conf", "Mode v\nSocket local:/run/opendkim/socket\nUMask 000\nUserID opendkim\nBackground no\n"
                   "AuthservID mail.desk.example\nAlwaysAddARHeader yes\nNameservers 127.0.0.1\nInternalHosts 127.0.0.1\n")
        self.write("etc/opendmarc.conf", "Socket local:/run/opendmarc/socket\nUMask 0000\nUserID opendmarc\nBackground false\n"
                   "AuthservID mail.desk.example\nTrustedAuthservIDs mail.desk.example\nRejectFailures true\n"
                   "SPFSelfValidate true\nSPFIgnoreResults true\nPublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat\n")

    def configure_postfix(self):
        self.run("postconf", "-e", "compatibility_level=3.6", "myhostname=mail.desk.example", "mydestination=",
                 "mynetworks=127.0.0.0/8", f"inet_interfaces={ADDRESS}", "inet_protocols=ipv4", "alias_maps=", "alias_database=",
                 "virtual_mailbox_domains=desk.example", "virtual_mailbox_maps=static:support/", "virtual_mailbox_base=/var/spool/letters",
                 "virtual_uid_maps=static:5000", "virtual_gid_maps=static:5000",
                 "smtpd_milters=unix:/run/opendkim/socket, unix:/run/opendmarc/socket", "milter_default_action=tempfail",
                 # as many sessions from one client as the load has, and no brake while it delivers
                 "smtpd_client_connection_count_limit=0", "default_process_limit=200", "in_flow_delay=0")
        self.run("postconf", "-F", "smtp/inet/chroot=n")

    def start(self):
        if not self.is_prepared:
            self.prepare()
        self.spawn("unbound", self.chroot("/usr/sbin/unbound", "-d"))
        self.spawn("opendkim", self.chroot("/usr/sbin/opendkim", "-f", "-x", "/etc/opendkim.conf"))
        self.spawn("opendmarc", self.chroot("/usr/sbin/opendmarc", "-f", "-c", "/etc/opendmarc.conf"))
        for part in ("opendkim", "opendmarc"):
            wait_for(lambda path=self.root / "run" / part / "socket": path.exists(), 20, part)
        self.spawn("postfix", self.chroot("/usr/sbin/postfix", "start-fg"))
        wait_for(lambda: greets(self.port), 30, "postfix")

    def stop(self):
        if "postfix" in self.parts:  # its master is not the process that was started, and would stay
            subprocess.run(self.chroot("/usr/sbin/postfix", "stop"), capture_output=True)
        super().stop()
        for part in ("opendkim", "opendmarc"):
            (self.root / "run" / part / "socket").unlink(missing_ok=True)

    def settled(self):
        queue = self.root / "var/spool/postfix"
        return not any(file.is_file() for name in ("incoming", "active", "deferred") for file in (queue / name).rglob("*"))

    def letters(self):
        return [entry.path for entry in os.scandir(self.mail / "support/new")] if (self.mail / "support/new").exists() else []

    def kept(self):
        return len(self.letters())

    def check_stored(self):
        """The stored copy must say that all three checks were made."""
        text = pathlib.Path(self.letters()[0]).read_text()
        missing = [check for check in ("dkim=pass", "spf=pass", "dmarc=pass") if check not in text]
        if missing:
            raise SystemExit(f"bench: the peer's stored letter lacks {', '.join(missing)}:\n{text[:1500]}")
