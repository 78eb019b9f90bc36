"""bench/inspect.sh's work: letters, clamd, rspamd, the runs, the table."""
import base64
import concurrent.futures
import http.client
import io
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

AT_ONCE = 8
SIGNATURE = "44d88612fea8a8f36de82e1278abb02f:68:Bench.Test\n"  # of a file that none of the letters has
QUIET_MODULES = ("rbl surbl spf dkim dmarc arc asn fuzzy_check history_redis greylist ratelimit replies reputation neural dkim_signing "
                 "url_redirector mx_check").split()


def words(rng, count):
    return " ".join(rng.choice("order invoice delivery please thank address account question about number payment customer".split())
                    for _ in range(count))


def picture(rng):
    return "photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + rng.randbytes(70_000) + b"\xff\xd9"


def pdf(rng):
    stream = rng.randbytes(68_000)
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n" \
           b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>endobj\n4 0 obj<</Length 68000>>stream\n"
    return "invoice.pdf", "application/pdf", head + stream + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def document(rng):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        z.writestr("_rels/.rels", '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>')
        z.writestr("word/document.xml", "<w:document>" + "".join(f"<w:p><w:t>{words(rng, 40)}</w:t></w:p>" for _ in range(300)) +
                   "</w:document>")
        z.writestr("word/media/image1.png", b"\x89PNG\r\n\x1a\n" + rng.randbytes(60_000))
    return "letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", out.getvalue()


def archive(rng):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for i in range(5):
            z.writestr(f"log-{i}.txt", words(rng, 3000))
            z.writestr(f"photo-{i}.png", b"\x89PNG\r\n\x1a\n" + rng.randbytes(11_000))
    return "files.zip", "application/zip", out.getvalue()


def letter(rng, number):
    name, kind, content = [picture, pdf, document, archive][number % 4](rng)
    coded = base64.encodebytes(content).decode().replace("\n", "\r\n")
    text = words(rng, 120)
    return (f"From: Kim <kim@customer.example>\r\nTo: support@example.test\r\nSubject: {words(rng, 4)}\r\n"
            f"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@customer.example>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
            f"--cut\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--cut--\r\n").encode()


def make_letters(folder, count=80):
    rng = random.Random(5322)
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:03}.eml").write_bytes(letter(rng, i))


def wait_for(path, process, what, seconds=120):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            raise SystemExit(f"{what} ended at once")
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(path))
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{what} does not come up")


def start_clamd(work):
    base = work / "clamd"
    (base / "db").mkdir(parents=True)
    (base / "tmp").mkdir()
    (base / "db" / "bench.hdb").write_text(SIGNATURE)
    (base / "clamd.conf").write_text(
        f"LocalSocket {base}/clamd.sock\nLocalSocketMode 666\nDatabaseDirectory {base}/db\nTemporaryDirectory {base}/tmp\nForeground yes\n"
        f"LogFile {base}/log\nMaxThreads 8\nMaxQueue 200\nStreamMaxLength 30M\nUser root\n")
    process = subprocess.Popen(["clamd", "-c", base / "clamd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(base / "clamd.sock", process, "clamd")
    return process, base / "clamd.sock"


def start_dns():
    """A name server for which no name exists, and which says so at once: its port."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))

    def serve():
        while True:
            asked, whom = s.recvfrom(4096)
            s.sendto(asked[:2] + b"\x81\x83" + asked[4:6] + bytes(6) + asked[12:asked.index(b"\0", 12) + 5], whom)
    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]


def start_rspamd(work, clamd):
    base = work / "rspamd"
    for sub in ("local.d", "run", "db", "log"):
        (base / sub).mkdir(parents=True)
    conf = {
        "options.inc": f'dns {{ nameserver = ["127.0.0.1:{start_dns()}"]; }}\n',
        "worker-normal.inc": f'bind_socket = "{base}/run/normal.sock mode=0666";\ncount = 2;\n',
        "worker-controller.inc": f'bind_socket = "{base}/run/controller.sock mode=0666";\npassword = "bench";\n',
        "worker-proxy.inc": "enabled = false;\n", "worker-fuzzy.inc": "enabled = false;\n",
        "antivirus.conf": f'clamav {{ action = "reject"; symbol = "CLAM_VIRUS"; type = "clamav"; servers = "{clamd}"; '
                          'scan_mime_parts = false; log_clean = false; }\n',
        "logging.inc": 'level = "error";\n',
    } | {f"{module}.conf": "enabled = false;\n" for module in QUIET_MODULES}
    for name, text in conf.items():
        (base / "local.d" / name).write_text(text)
    process = subprocess.Popen(["rspamd", "-f", "-i", "-u", "root", "-g", "root"] +
                               [f"--var={k}={v}" for k, v in {"LOCAL_CONFDIR": base, "RUNDIR": base / "run", "DBDIR": base / "db",
                                                              "LOGDIR": base / "log"}.items()],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(base / "run" / "normal.sock", process, "rspamd")
    return process, base / "run" / "normal.sock"


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def check(path, body):
    c = UnixHttp(path)
    c.request("POST", "/checkv2", body, {"IP": "192.0.2.1", "Helo": "mx.customer.example", "From": "kim@customer.example",
                                         "Rcpt": "support@example.test"})
    answer = json.loads(c.getresponse().read())
    c.close()
    return answer


def cpu_of_session(session):
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run_rspamd(process, path, letters, seconds):
    bodies = [p.read_bytes() for p in sorted(letters.glob("*.eml"))]
    for body in bodies[:8]:
        check(path, body)

    def push(n, until):
        done = 0
        while time.time() < until:
            check(path, bodies[(n + done * AT_ONCE) % len(bodies)])
            done += 1
        return done
    cpu, began = cpu_of_session(process.pid), time.time()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = sum(pool.map(lambda n: push(n, began + seconds), range(AT_ONCE)))
    took = time.time() - began
    return {"letters": done, "seconds": took, "per_s": done / took, "cpu_us": (cpu_of_session(process.pid) - cpu) * 1e6 / done}


def run_ours(build, work, letters, seconds, *settings):
    data = work / "data"
    (data / "run" / "empty").mkdir(parents=True, exist_ok=True)
    for folder in (work, data, data / "run", data / "run" / "empty"):
        folder.chmod(0o755)
    out = subprocess.run([build / "bench/bench-inspect", build / "libexec/sealdesk-inspect", data, letters, str(seconds), str(AT_ONCE),
                          *settings], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def main():
    build, seconds = pathlib.Path(sys.argv[1]), int(os.environ.get("SECONDS_EACH", "5"))
    to = sys.argv[3] if len(sys.argv) > 3 and sys.argv[2] == "--json" else None
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-inspect-"))
    started = []
    try:
        make_letters(work / "letters")
        clamd, socket_path = start_clamd(work)
        started.append(clamd)
        setting = [f"scan.clamd=unix:{socket_path}", f"scan.signatures={work}/clamd/db"]
        result = {"ours": run_ours(build, work, work / "letters", seconds, *setting),
                  "ours without clamd": run_ours(build, work, work / "letters", seconds, "scan.clamd=")}
        if shutil.which("rspamd"):
            rspamd, path = start_rspamd(work, socket_path)
            started.append(rspamd)
            result["rspamd"] = run_rspamd(rspamd, path, work / "letters", seconds)
            result["ours again"] = run_ours(build, work, work / "letters", seconds, *setting)
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(work)
    print(f"{'letters of about 100 KB, ' + str(AT_ONCE) + ' at once':32} {'per s':>8} {'CPU us each':>12}")
    for name, one in result.items():
        print(f"{name:32} {one['per_s']:8.0f} {one['cpu_us']:12.0f}   {one.get('states', '')}")
    if "rspamd" in result:
        print(f"rate, ours to rspamd {result['ours']['per_s'] / result['rspamd']['per_s']:.1f}; "
              f"CPU, rspamd to ours {result['rspamd']['cpu_us'] / result['ours']['cpu_us']:.1f}")
    if to:
        pathlib.Path(to).write_text(json.dumps(result))


main()
