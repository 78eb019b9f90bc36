"""Drives Sealdesk as the world does: SMTP, the API, the command line. No part of Sealdesk is imported."""
import base64
import contextlib
import email.message
import email.policy
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import signal
import smtplib
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

import dkim
import requests

from passkey import Passkey

BUILD = pathlib.Path(os.environ.get("SEALDESK_BUILD", pathlib.Path(__file__).parents[2] / "build"))
SEALDESK = str(BUILD / "sealdesk")
SLOW = 5 if os.environ.get("SEALDESK_ASAN") else 1
PASSWORD = "correct horse battery staple"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=10, what="condition"):
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds * SLOW} s")
        time.sleep(0.03)


def totp(secret, at=None):
    """RFC 6238, SHA-1, 30 s, 6 digits."""
    step = int((time.time() if at is None else at) // 30)
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06d}"


class World:
    """The rest of the Internet: a zone served by Sealdesk's own dns process from local data, and DKIM keys of its domains."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.lines = []
        self.keys = {}
        self.domain("customer.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
        self.domain("forged.example", spf="v=spf1 -all", dmarc="v=DMARC1; p=reject")
        self.domain("dmarcfail.example", spf="v=spf1 ~all", dmarc="v=DMARC1; p=reject")
        self.domain("plain.example")

    def domain(self, name, spf=None, dmarc=None):
        private = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, capture_output=True,
                                check=True).stdout
        self.keys[name] = private
        p = base64.b64encode(public).decode()
        strings = " ".join(f'"{part}"' for part in [f"v=DKIM1; k=rsa; p={p}"[i:i + 250] for i in range(0, len(p) + 20, 250)])
        self.lines.append(f"sel._domainkey.{name}. 3600 IN TXT {strings}")
        self.lines.append(f"{name}. 3600 IN A 127.0.0.1")
        self.lines.append(f"{name}. 3600 IN MX 10 mx.{name}.")
        self.lines.append(f"mx.{name}. 3600 IN A 127.0.0.1")
        if spf:
            self.lines.append(f'{name}. 3600 IN TXT "{spf}"')
        if dmarc:
            self.lines.append(f'_dmarc.{name}. 3600 IN TXT "{dmarc}"')

    def zone(self, more=()):
        path = self.folder / "zone"
        path.write_text("\n".join([*self.lines, *more]) + "\n")
        return path

    def certificate(self):
        cert, key = self.folder / "tls.crt", self.folder / "tls.key"
        if not cert.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                            "30", "-subj", "/CN=mx.customer.example", "-addext", "subjectAltName=DNS:mx.customer.example",
                            "-keyout", key, "-out", cert], capture_output=True, check=True)
        return cert, key


def letter(sender="kim@customer.example", to="support@desk.example", subject="Where is my order?", text="Order 4711 is late.\r\n",
           name=None, headers=(), attachments=()):
    """A message with CRLF line ends."""
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"] = email.utils.formataddr((name, sender)) if name else sender
    m["To"] = to
    m["Subject"] = subject
    m["Date"] = email.utils.formatdate()
    m["Message-ID"] = email.utils.make_msgid(domain=sender.split("@")[1])
    for field, value in headers:
        m[field] = value
    m.set_content(text)
    for filename, content in attachments:
        m.add_attachment(content, maintype="application", subtype="octet-stream", filename=filename)
    return m.as_bytes()


def signed(world, message, domain):
    return dkim.sign(message, b"sel", domain.encode(), world.keys[domain]).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + message


class Office:
    """One installation."""

    def __init__(self, folder, world, options=()):
        self.folder = pathlib.Path(folder)
        self.world = world
        self.options = list(options)
        self.smtp_port, self.desk_port, self.mx_port = free_port(), free_port(), free_port()
        self.process = None
        self.secrets = {}
        self.spent = {}
        self.sessions = {}
        self.passkeys = {}
        self.url = f"http://127.0.0.1:{self.desk_port}"
        self.origin = f"http://localhost:{self.desk_port}"  # desk.origin as it is when nobody sets it: what passkeys are bound to
        init = self.cli("init", str(self.folder), "--hostname", "mail.desk.example", "--domain", "desk.example", "--queue",
                        "support=support@desk.example", "--queue", "billing=billing@desk.example", conf=False)
        assert init.returncode == 0, init.stderr
        self.published = [line for line in init.stdout.splitlines() if " IN " in line and not line.startswith(";")]
        self.conf = self.folder / "sealdesk.conf"
        cert, key = world.certificate()
        self.run_options = [f"smtp.listen=127.0.0.1:{self.smtp_port}", f"desk.listen=127.0.0.1:{self.desk_port}",
                            f"dns.local_data={world.zone(self.published)}", f"courier.port={self.mx_port}",
                            f"smtp.tls_cert={cert}", f"smtp.tls_key={key}", "courier.retry_seconds=1,1,2",
                            # tests look at lists many times a second, which is no person's way
                            "budget.heads_per_minute=1000000", "budget.heads_per_day=10000000", "budget.opens_per_minute=10000",
                            "budget.opens_per_day=100000", *self.options]
        self.person("alice@desk.example", "Alice", "agent", ["support"])
        self.person("bob@desk.example", "Bob", "agent", ["billing"])
        self.person("sam@desk.example", "Sam", "security", [])
        self.person("ada@desk.example", "Ada", "admin", [])

    # ---- command line ----

    def cli(self, *args, conf=True, **kwargs):
        command = [SEALDESK, *args]
        if conf:
            command += ["-c", str(self.conf)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **kwargs)

    def person(self, address, name, role, queues):
        password = self.folder.parent / "password"
        password.write_text(PASSWORD + "\n")
        added = self.cli("user", "add", "--email", address, "--name", name, "--role", role, "--password-file", str(password),
                         *[x for q in queues for x in ("--queue", q)])
        assert added.returncode == 0, added.stderr
        query = urllib.parse.parse_qs(urllib.parse.urlparse(added.stdout.strip()).query)
        secret = query["secret"][0]
        self.secrets[address] = base64.b32decode(secret + "=" * (-len(secret) % 8))

    def status(self):
        done = self.cli("status", "--json")
        return json.loads(done.stdout) if done.stdout else None

    def audit(self):
        done = self.cli("audit", "list", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    # ---- running ----

    def start(self):
        command = [SEALDESK, "run", "-c", str(self.conf)]
        for option in self.run_options:
            command += ["-o", option]
        self.log = open(self.folder.parent / "log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        wait_for(self.ready, 20, "ready")

    def ready(self):
        assert self.process.poll() is None, (self.folder.parent / "log").read_text()[-3000:]
        try:
            return requests.get(self.url + "/readyz", timeout=5).status_code == 200 and self.cli("status").returncode == 0
        except requests.ConnectionError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=40)
        code = self.process.returncode if self.process else None
        self.process = None
        return code

    def pids(self, role):
        return [r["pid"] for r in self.status()["roles"] if r["name"] == role]

    # ---- SMTP ----

    def smtp(self, **kwargs):
        return smtplib.SMTP("127.0.0.1", self.smtp_port, local_hostname="mx.customer.example", timeout=30 * SLOW, **kwargs)

    def send(self, message, sender="kim@customer.example", to=("support@desk.example",), tls=False):
        """The reply to the final dot, or to the command that was refused."""
        with self.smtp() as s:
            if tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                s.starttls(context=context)
            s.ehlo_or_helo_if_needed()
            for reply in [s.mail(sender), *[s.rcpt(address) for address in to]]:
                if reply[0] >= 400:
                    return reply
            return s.data(message)

    # ---- the API ----

    def fresh_code(self, address):
        """A one-time code that was not used yet. Each step counts once: waits for the next when there is none."""
        now = time.time()
        step = int(now // 30)
        spent = self.spent.get(address, 0)
        if step - 1 > spent and 30 - now % 30 > 3 * SLOW:
            step -= 1  # the previous step still counts for a while, and leaves the present one for the next sign-in
        elif step <= spent:
            time.sleep((spent + 1) * 30 - now + 0.1)
            step = spent + 1
        self.spent[address] = step
        return totp(self.secrets[address], step * 30)

    def opened(self, answer, session, address):
        """The session that this answer gave, with its CSRF token as a header; or the answer, when it gave none."""
        if answer.status_code != 201:
            return answer
        session.headers["X-CSRF-Token"] = answer.json()["csrf"]
        session.user = answer.json()
        session.address = address
        self.sessions[address] = session
        return session

    def sign_in(self, address, password=PASSWORD, code=None, anew=False):
        """A session by password and code: the one there is, or a new one."""
        if not code and not anew and address in self.sessions and self.get(self.sessions[address], "/tickets").status_code == 200:
            return self.sessions[address]
        code = code or self.fresh_code(address)
        session = requests.Session()
        answer = self.post(session, "/session", {"email": address, "password": password, "totp": code})
        return self.opened(answer, session, address)

    def passkey_sign_in(self, address):
        """A session by this person's passkey, or the answer that refused it."""
        session = requests.Session()
        options = self.post(session, "/session/challenge", {}).json()
        answer = self.post(session, "/session/passkey", {"credential": self.passkeys[address].get(options)})
        return self.opened(answer, session, address)

    def add_passkey(self, session, name="Test key"):
        """A first passkey for who is signed in by password and code: the code again, and a limited session is whole."""
        passkey = Passkey(self.origin)
        options = self.post(session, "/passkeys/challenge", {})
        assert options.status_code == 200, options.text
        body = {"name": name, "credential": passkey.create(options.json()), "totp": self.fresh_code(session.address)}
        answer = self.post(session, "/passkeys", body)
        assert answer.status_code == 201, answer.text
        self.passkeys[session.address] = passkey
        return passkey

    def whole(self, address):
        """A session that may all that this person may and can step up, as administrators and security officers need one."""
        session = self.sessions.get(address)
        if session and address in self.passkeys and self.get(session, "/tickets").status_code == 200:
            return session
        if address in self.passkeys:
            return self.passkey_sign_in(address)
        session = self.sign_in(address, anew=True)
        self.add_passkey(session)
        return session

    def step_up(self, session, act, target=None, passkey=None):
        """A gesture for one act and its object (an id in hexadecimal; None: the installation). The answer."""
        body = {"act": act, **({"object": target} if target else {})}
        options = self.post(session, "/step-up/challenge", body)
        if options.status_code != 200:
            return options
        credential = (passkey or self.passkeys[session.address]).get(options.json())
        return self.post(session, "/step-up", {**body, "credential": credential})

    def confirmed(self, session, method, path, body=None, **kwargs):
        """A request as the page makes it: when a gesture is asked for, it is made and the request repeated."""
        answer = self.ask(session, method, path, body, **kwargs)
        if answer.status_code == 403 and answer.json()["code"] == "step-up-required":
            done = self.step_up(session, answer.json()["act"], answer.json().get("object"))
            assert done.status_code == 204, done.text
            answer = self.ask(session, method, path, body, **kwargs)
        return answer

    def ask(self, session, method, path, body=None, **kwargs):
        return session.request(method, self.url + "/api/v1" + path, json=body, timeout=30, **kwargs)

    def post(self, session, path, body=None, **kwargs):
        return self.ask(session, "POST", path, body, **kwargs)

    def get(self, session, path, **kwargs):
        return session.get(self.url + "/api/v1" + path, timeout=30, **kwargs)

    def tickets(self, session, **params):
        answer = self.get(session, "/tickets", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def ticket_with(self, session, subject, seconds=10):
        def found():
            return next((t for t in self.tickets(session, limit=100) if t["subject"] == subject), None)
        return wait_for(found, seconds, f"ticket {subject!r}")

    def reply(self, session, ticket, text, **kwargs):
        headers = kwargs.pop("headers", {})
        return session.post(f"{self.url}/api/v1/tickets/{ticket}/replies", json={"text": text, **kwargs}, headers=headers, timeout=30)


class Sink(socketserver.ThreadingTCPServer):
    """A receiver with STARTTLS that keeps what it is given. `refuse` maps recipients to replies."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, world, tls=True):
        self.messages, self.refuse, self.greeting = [], {}, "220 mx.customer.example ESMTP"
        self.connections, self.open = 0, []
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*world.certificate())
        super().__init__(("127.0.0.1", port), SinkSession)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        """Ends kept connections too: a sender that reuses one must not reach a receiver that is away."""
        self.shutdown()
        self.server_close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class SinkSession(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        with contextlib.suppress(OSError):
            self.server.connections += 1
            self.server.open.append(self.connection)
            self.say(self.server.greeting)
            self.sender, self.to, self.tls = None, [], False
            while (line := self.rfile.readline()) and self.command(line.decode("latin-1").rstrip("\r\n")):
                pass

    def command(self, line):
        verb = line.split(" ")[0].upper()
        if verb in ("EHLO", "HELO"):
            words = ["mx.customer.example", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
            if self.server.context and not self.tls:
                words.append("STARTTLS")
            for i, word in enumerate(words):
                self.say(f"250{'-' if i < len(words) - 1 else ' '}{word}")
        elif verb == "STARTTLS":
            self.say("220 2.0.0 go")
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
            self.server.open.append(self.connection)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.tls = True
        elif verb == "MAIL":
            self.sender, self.to = line, []
            self.say("250 2.1.0 ok")
        elif verb == "RCPT":
            address = line.split("<")[1].split(">")[0]
            answer = self.server.refuse.get(address)
            if not answer:
                self.to.append(address)
            self.say(answer or "250 2.1.5 ok")
        elif verb == "DATA":
            self.say("354 go")
            body = b""
            while (part := self.rfile.readline()) != b".\r\n":
                if not part:
                    return False
                body += part[1:] if part.startswith(b".") else part
            self.server.messages.append({"from": self.sender, "to": self.to, "bytes": body, "tls": self.tls})
            self.say("250 2.0.0 taken")
        elif verb == "QUIT":
            self.say("221 2.0.0 bye")
            return False
        else:
            self.say("250 2.0.0 ok")
        return True
