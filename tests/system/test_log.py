"""The log that cannot be rewritten unnoticed: whoever has an export and one earlier checkpoint finds what was done to it.

What is done here is done with the real programs, and, where somebody has taken them, with the real keys. The checks that are not
sealdesk-verify's own are written here once more, from RFC 9162 and C2SP, on other people's Ed25519."""
import base64
import hashlib
import json
import pathlib
import random
import shutil
import struct
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import desk

VERIFY = str(desk.BUILD / "sealdesk-verify")


# ---- the other implementation ----

def leaf(record):
    return hashlib.sha256(b"\0" + record).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves):
    """RFC 9162 §2.1.1, word for word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root(leaves[:k]), root(leaves[k:]))


def path(m, leaves):
    """RFC 9162 §2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return path(m, leaves[:k]) + [root(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [root(leaves[:k])]


def open_note(vkey, note):
    """c2sp.org/signed-note and tlog-checkpoint: (size, root), or an exception."""
    name, hint, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1 and hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == hint
    text, signatures = note.rsplit("\n\n", 1)
    signed = [line.split(" ") for line in signatures.splitlines()]
    assert all(words[0] == "—" and len(words) == 3 for words in signed)
    [mine] = [base64.b64decode(words[2], validate=True) for words in signed if words[1] == name]
    assert mine[:4].hex() == hint
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(mine[4:], text.encode() + b"\n")
    lines = text.split("\n")
    assert lines[0] == name
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


# ---- the log's files, as somebody with a file editor sees them ----

class Segments:
    """All records of a log's folder; written back as one segment, with frames that are right."""

    def __init__(self, folder):
        self.folder = folder
        self.records = []
        for file in sorted(folder.glob("*.log")):
            data = file.read_bytes()
            magic, first, peaks = struct.unpack("<8sQI", data[:20])
            assert magic == b"SDAUDIT1" and first == len(self.records)
            at = 20 + 32 * peaks
            while at < len(data):
                n, = struct.unpack_from("<I", data, at)
                record = data[at + 8:at + 8 + n]
                assert data[at + 4:at + 8] == leaf(record)[:4]
                self.records.append(record)
                at += 8 + n

    def write(self, *cuts):
        for file in self.folder.glob("*.log"):
            file.unlink()
        for first, end in zip([0, *cuts], [*cuts, len(self.records)]):
            peaks, at = b"", 0
            while at < first:  # the perfect subtrees before, largest first
                size = 1 << (first - at).bit_length() - 1
                peaks += root([leaf(r) for r in self.records[at:at + size]])
                at += size
            frames = b"".join(struct.pack("<I", len(r)) + leaf(r)[:4] + r for r in self.records[first:end])
            (self.folder / f"{first:012d}.log").write_bytes(struct.pack("<8sQI", b"SDAUDIT1", first, len(peaks) // 32) + peaks + frames)

    def forget_checkpoints(self):
        for name in ("checkpoint", "checkpoints"):
            (self.folder / name).unlink(missing_ok=True)


class Log:
    """An installation that does not run: the command line starts a keeper for each question."""

    def __init__(self, data):
        self.data = pathlib.Path(data)
        self.folder = self.data / "keeper/log"

    def cli(self, *args):
        return subprocess.run([desk.SEALDESK, *args, "-c", str(self.data / "sealdesk.conf")], capture_output=True, text=True,
                              timeout=120)

    def good(self, *args):
        done = self.cli(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def more(self, count=1):
        for _ in range(count):
            self.good("user", "list")

    def checkpoint(self, to):
        """The newest one, as somebody keeps it."""
        shutil.copy(self.folder / "checkpoint", to)
        return to

    def export(self, to, *args):
        self.good("audit", "export", "--out", str(to), *args)
        return to

    def copy(self, to):
        subprocess.run(["cp", "-a", str(self.data), str(to)], check=True)
        return Log(to)


def verify(key, *args):
    """(exit status, what --json says)."""
    done = subprocess.run([VERIFY, "--json", "--key", key, *map(str, args)], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    plain = subprocess.run([VERIFY, "--key", key, *map(str, args)], capture_output=True, text=True, timeout=120)
    assert plain.returncode == done.returncode and (said["ok"] or said["problem"] in plain.stdout)
    return done.returncode, said


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A log of some records; two checkpoints that were kept elsewhere, the copy of yesterday, and an export of today."""
    class Day:
        pass
    day = Day()
    day.folder = tmp_path_factory.mktemp("day")
    data = day.folder / "data"
    done = subprocess.run([desk.SEALDESK, "init", str(data), "--hostname", "mail.a.example", "--domain", "a.example", "--queue",
                           "support=support@a.example"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    day.log = Log(data)
    day.key = day.log.good("audit", "key").strip()
    day.log.more(2)
    day.early = day.log.checkpoint(day.folder / "early")
    day.log.more(2)
    day.yesterday = day.log.copy(day.folder / "yesterday")
    day.log.more(2)
    day.late = day.log.checkpoint(day.folder / "late")
    day.log.more()
    day.export = day.log.export(day.folder / "export")
    day.lines = day.export.read_bytes().splitlines(keepends=True)
    day.early_size, _ = open_note(day.key, day.early.read_text())
    day.late_size, _ = open_note(day.key, day.late.read_text())
    return day


def kept(day):
    return ["--checkpoint", day.early, "--checkpoint", day.late]


def record_lines(lines):
    return [i for i, line in enumerate(lines) if line.startswith(b'{"seq":')]


def written(tmp_path, lines):
    (tmp_path / "export").write_bytes(b"".join(lines))
    return tmp_path / "export"


# ---- whole ----

def test_a_whole_log(day):
    code, said = verify(day.key, *kept(day), day.export)
    assert code == 0 and said["size"] == len(record_lines(day.lines)) and said["checkpoints"] >= 3
    assert verify(day.key, day.export)[0] == 0
    (day.folder / "key").write_text(day.key + "\n")
    assert verify(str(day.folder / "key"), day.export)[0] == 0
    with open(day.export, "rb") as f:
        piped = subprocess.run([VERIFY, "--key", day.key, "-"], stdin=f, capture_output=True, timeout=60)
    assert piped.returncode == 0


def test_parts_of_a_log(day, tmp_path):
    """From the middle on, with the peaks of the tree before; to a checkpoint that covers what was asked for."""
    middle = day.log.export(tmp_path / "middle", "--from", str(day.early_size - 1))
    code, said = verify(day.key, *kept(day), middle)
    assert code == 0 and said["from"] == day.early_size - 1
    until = day.log.export(tmp_path / "until", "--until", str(day.early_size - 1))
    code, said = verify(day.key, "--checkpoint", day.early, until)
    assert code == 0 and said["size"] == day.early_size
    late = day.log.export(tmp_path / "late", "--from", str(day.late_size))
    assert verify(day.key, "--checkpoint", day.late, late)[0] == 0
    code, said = verify(day.key, "--checkpoint", day.early, late)
    assert code == 1 and "begins only at record" in said["problem"]
    assert day.log.cli("audit", "export", "--from", "100000").returncode == 1


def test_by_another_implementation(day):
    """The export is what RFC 9162 and C2SP say, by code that is not ours."""
    leaves, checkpoints = [], []
    for line in day.lines[1:]:
        if line.startswith(b'{"checkpoint":'):
            note = json.loads(line)["checkpoint"]
            size, expected = open_note(day.key, note)
            assert size == len(leaves) and root(leaves) == expected
            checkpoints.append(note)
        else:
            assert json.loads(line)["seq"] == len(leaves)
            leaves.append(leaf(line[:-1]))
    assert day.early.read_text() in checkpoints and day.late.read_text() in checkpoints
    head = json.loads(day.lines[0])
    assert head["key"] == day.key and head["size"] == len(leaves) and head["from"] == 0
    forged = day.early.read_text().replace(f"\n{day.early_size}\n", f"\n{day.early_size + 1}\n")
    with pytest.raises(InvalidSignature):
        open_note(day.key, forged)


def test_proofs(day, tmp_path):
    records = [day.lines[i][:-1] for i in record_lines(day.lines)]
    for n in (0, 3, day.late_size - 1):
        proof = day.log.good("audit", "prove", "--record", str(n))
        lines = proof.split("\n")
        assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {n}"]
        end = lines.index("")
        size, tree_root = open_note(day.key, "\n".join(lines[end + 1:]))
        now = [leaf(r) for r in Segments(day.log.folder).records]
        assert root(now[:size]) == tree_root
        assert [base64.b64decode(h) for h in lines[2:end]] == path(n, now[:size])
        (tmp_path / "proof").write_text(proof)
        (tmp_path / "record").write_bytes(records[n] + b"\n")
        assert verify(day.key, "--proof", tmp_path / "proof", "--record", tmp_path / "record")[0] == 0
        for wrong in (records[n].replace(b"granted", b"refused"), records[n - 1]):
            (tmp_path / "record").write_bytes(wrong)
            assert verify(day.key, "--proof", tmp_path / "proof", "--record", tmp_path / "record")[0] == 1
    missing = day.log.cli("audit", "prove", "--record", "100000")
    assert missing.returncode == 1 and "no such record" in missing.stderr


def test_the_log_goes_on_from_a_checkpoint(day, tmp_path):
    for old in (day.early, day.late):
        (tmp_path / "proof").write_text(day.log.good("audit", "prove", "--consistency", str(old)))
        assert verify(day.key, "--proof", tmp_path / "proof", "--checkpoint", old)[0] == 0
    assert verify(day.key, "--proof", tmp_path / "proof", "--checkpoint", day.early)[0] == 1
    (tmp_path / "other").write_text(day.early.read_text().replace("a.example", "b.example"))
    refused = day.log.cli("audit", "prove", "--consistency", str(tmp_path / "other"))
    assert refused.returncode == 1 and "no checkpoint of this log" in refused.stderr


def test_reading_is_on_the_record(day):
    before = len(Segments(day.log.folder).records)
    day.log.good("audit", "tail", "-n", "3")
    day.log.good("audit", "list")
    day.log.good("audit", "prove", "--record", "1")
    after = [json.loads(r)["action"] for r in Segments(day.log.folder).records[before:]]
    assert [a for a in after if a.startswith("audit-")] == ["audit-tail", "audit-list", "audit-prove"]


# ---- an export that was changed ----

def test_every_flipped_bit(day, tmp_path):
    """In each record somewhere, and in everything else: named to the record where a checkpoint is near enough."""
    draw = random.Random(7)
    for i, line in enumerate(day.lines):
        for _ in range(3):
            at, bit = draw.randrange(len(line)), draw.randrange(8)
            changed = bytearray(line)
            changed[at] ^= 1 << bit
            code, said = verify(day.key, *kept(day), written(tmp_path, [*day.lines[:i], bytes(changed), *day.lines[i + 1:]]))
            assert code == 1, (i, at, bit)
            if i in record_lines(day.lines):
                assert said["first_bad"] <= json.loads(line)["seq"]


def test_deleted_row(day, tmp_path):
    for i in record_lines(day.lines):
        seq = json.loads(day.lines[i])["seq"]
        code, said = verify(day.key, "--checkpoint", day.late, written(tmp_path, day.lines[:i] + day.lines[i + 1:]))
        assert code == 1 and said["first_bad"] <= seq + 1, said


def test_reordered_rows(day, tmp_path):
    rows = record_lines(day.lines)
    for a, b in zip(rows, rows[1:]):
        lines = list(day.lines)
        lines[a], lines[b] = lines[b], lines[a]
        code, said = verify(day.key, "--checkpoint", day.late, written(tmp_path, lines))
        assert code == 1 and said["first_bad"] == json.loads(day.lines[a])["seq"] and "order" in said["problem"]


def test_truncated_tail(day, tmp_path):
    """At each line; also when the first line is told to match, and the rest ends with a checkpoint."""
    for n in range(1, len(day.lines)):
        code, _ = verify(day.key, "--checkpoint", day.late, written(tmp_path, day.lines[:n]))
        assert code == 1
    end = day.lines.index(next(l for l in day.lines if l.startswith(b'{"checkpoint"')
                               and json.loads(l)["checkpoint"] == day.early.read_text()))
    head = day.lines[0].replace(b'"size":%d' % json.loads(day.lines[0])["size"], b'"size":%d' % day.early_size)
    short = written(tmp_path, [head, *day.lines[1:end + 1]])
    assert verify(day.key, "--checkpoint", day.early, short)[0] == 0
    code, said = verify(day.key, "--checkpoint", day.late, short)
    assert code == 1 and said["first_bad"] == day.early_size and "tail is missing" in said["problem"]


def test_hostile_exports(day, tmp_path):
    """Nothing that is given to it brings it down."""
    for content in (b"", b"\n", b"{}\n", b"\0" * 70000, day.lines[0], day.lines[0] * 3, day.lines[0] + b"x" * 40000,
                    day.lines[0].replace(b'"from":0', b'"from":9223372036854775807'),
                    day.lines[0].replace(b'"from":0', b'"from":1') + day.lines[1]):
        assert verify(day.key, written(tmp_path, [content]))[0] == 1
    other = day.key.replace("a.example", "b.example")
    assert subprocess.run([VERIFY, "--key", other, str(day.export)], capture_output=True, timeout=60).returncode == 2
    for arguments in ([], ["--key", day.key], ["--key", day.key, str(tmp_path / "nothing")], ["--key", "x", str(day.export)],
                      ["--key", day.key, "--record", str(day.export), str(day.export)]):
        assert subprocess.run([VERIFY, *arguments], capture_output=True, timeout=60).returncode == 2


# ---- the files behind the export ----

def test_row_changed_in_the_files(day, tmp_path):
    """By somebody who knows the format: the frame is right, and the checkpoints are what is left to contradict."""
    bad = day.log.copy(tmp_path / "bad")
    segments = Segments(bad.folder)
    at = day.early_size + 1
    segments.records[at] = segments.records[at].replace(b"granted", b"refused")
    segments.write()
    assert bad.cli("audit", "verify").returncode == 1
    code, said = verify(day.key, "--checkpoint", day.late, bad.export(tmp_path / "export"))
    assert code == 1 and said["first_bad"] <= at < day.late_size


def test_row_deleted_in_the_files(day, tmp_path):
    bad = day.log.copy(tmp_path / "bad")
    segments = Segments(bad.folder)
    del segments.records[4]
    segments.write()
    bad.more(2)  # as many as before, and more
    code, said = verify(day.key, "--checkpoint", day.late, bad.export(tmp_path / "export"))
    assert code == 1 and said["first_bad"] == 4 and "missing" in said["problem"]


def test_tail_cut_off_in_the_files(day, tmp_path):
    """Cut below a kept checkpoint, own checkpoints forgotten: the keeper goes on, and signs what is there."""
    bad = day.log.copy(tmp_path / "bad")
    segments = Segments(bad.folder)
    segments.records = segments.records[:day.early_size + 1]
    segments.write()
    segments.forget_checkpoints()
    code, said = verify(day.key, *kept(day), bad.export(tmp_path / "export"))
    assert code == 1 and said["first_bad"] >= day.early_size
    bad.more(12)  # longer than it ever was
    export = bad.export(tmp_path / "export")
    assert verify(day.key, "--checkpoint", day.early, export)[0] == 0
    code, said = verify(day.key, *kept(day), export)
    assert code == 1 and said["first_bad"] == day.early_size


@pytest.mark.parametrize("how", ["changed", "begun anew"])
def test_forked_tree(day, tmp_path, how):
    """The real key signs another history: whole by itself, and not the one that a kept checkpoint covered."""
    bad = day.log.copy(tmp_path / "bad")
    segments = Segments(bad.folder)
    if how == "changed":
        segments.records[day.early_size] = segments.records[day.early_size].replace(b"granted", b"refused")
    else:
        segments.records = [r.replace(b"2026-", b"2025-") for r in segments.records]
    segments.write()
    segments.forget_checkpoints()
    bad.more(2)
    export = bad.export(tmp_path / "export")
    assert verify(day.key, export)[0] == 0
    code, said = verify(day.key, "--checkpoint", day.late, export)
    assert code == 1 and said["first_bad"] == 0
    code, said = verify(day.key, *kept(day), export)
    assert code == 1 and said["first_bad"] == (day.early_size if how == "changed" else 0)
    refused = bad.cli("audit", "prove", "--consistency", str(day.late))
    assert refused.returncode == 1 and "its past was changed" in refused.stderr


def test_yesterdays_log_put_back(day, tmp_path):
    """Shorter than what a kept checkpoint covers; and when it has grown beyond that, another one."""
    back = day.yesterday.copy(tmp_path / "back")
    export = back.export(tmp_path / "export")
    code, said = verify(day.key, "--checkpoint", day.late, export)
    assert code == 1 and "older log was put back" in said["problem"] and said["first_bad"] >= day.early_size
    back.more(8)
    code, said = verify(day.key, *kept(day), back.export(tmp_path / "export"))
    assert code == 1 and said["first_bad"] == day.early_size


def test_tiles_are_not_believed(day, tmp_path):
    """Missing or changed hashes on disk: the proof is the same, and holds."""
    log = day.log.copy(tmp_path / "log")
    good = log.good("audit", "prove", "--record", "2")
    for damage in ("removed", "changed", "cut"):
        for file in log.folder.glob("tiles.*"):
            data = bytearray(file.read_bytes())
            if damage == "removed":
                file.unlink()
            elif damage == "changed":
                file.write_bytes(bytes(b ^ 255 for b in data))
            else:
                file.write_bytes(data[:33])
        (tmp_path / "proof").write_text(log.good("audit", "prove", "--record", "2"))
        (tmp_path / "record").write_bytes(Segments(log.folder).records[2])
        assert verify(day.key, "--proof", tmp_path / "proof", "--record", tmp_path / "record")[0] == 0
    assert good.startswith("c2sp.org/tlog-proof@v1\nindex 2\n")


def test_records_whose_time_is_over(day, tmp_path):
    """Two years pass, as the records have it; the keeper drops their data, on the record, and nobody else can."""
    log = day.log.copy(tmp_path / "log")
    segments = Segments(log.folder)
    cut = 7
    assert cut < len(segments.records)
    segments.records[:cut] = [r.replace(b'"time":"2026-', b'"time":"2024-') for r in segments.records[:cut]]
    segments.write(cut)
    segments.forget_checkpoints()
    assert log.cli("audit", "verify").returncode == 0
    before = log.checkpoint(tmp_path / "before")
    with open(tmp_path / "said", "wb") as said:
        running = subprocess.Popen([desk.SEALDESK, "run", "-c", str(log.data / "sealdesk.conf"), "-o",
                                    f"smtp.listen=127.0.0.1:{desk.free_port()}", "-o", f"desk.listen=127.0.0.1:{desk.free_port()}"],
                                   stdout=said, stderr=said)
        try:
            desk.wait_for(lambda: b'"dropped"' in (log.folder / "000000000000.log").read_bytes(), 30, "dropped")
        finally:
            running.terminate()
            assert running.wait(timeout=40) == 0
    assert b"2024-" not in b"".join(f.read_bytes() for f in log.folder.glob("*"))
    assert log.cli("audit", "verify").returncode == 0
    listed = [json.loads(line) for line in log.good("audit", "list", "--json").splitlines()]
    assert [("dropped" in r) for r in listed[:cut + 1]] == [True] * cut + [False]
    acts = [r["reason"] for r in listed if r.get("action") == "log-dropped"]
    assert acts and sum(int(a.split(": ")[1].split(" ")[0]) for a in acts) == cut
    export = log.export(tmp_path / "export")
    code, said = verify(day.key, "--checkpoint", before, export)
    assert code == 0 and said["dropped"] == cut
    (tmp_path / "proof").write_text(log.good("audit", "prove", "--record", "2"))
    lines = export.read_bytes().splitlines(keepends=True)
    rows = record_lines(lines)
    (tmp_path / "record").write_bytes(lines[rows[2]])
    assert verify(day.key, "--proof", tmp_path / "proof", "--record", tmp_path / "record")[0] == 0
    for n in (cut, cut + 1):  # somebody calls one more record dropped: its hash is right, and no act tells of it
        hidden = lines[rows[n]][:-1]
        forged = b'{"seq":%d,"dropped":"%s"}\n' % (n, leaf(hidden).hex().encode())
        code, said = verify(day.key, written(tmp_path, [*lines[:rows[n]], forged, *lines[rows[n] + 1:]]))
        assert code == 1 and "dropped" in said["problem"]


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    """Go's packages for transparency logs, as Debian has them (golang-1.19-go, golang-golang-x-mod-dev)."""
    go = shutil.which("go", path="/usr/lib/go-1.19/bin:/usr/bin")
    if not go or not pathlib.Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("needs Debian's golang-1.19-go and golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                   "GOPROXY": "off", "CGO_ENABLED": "0"}
    subprocess.run([go, "build", "-o", str(folder / "checker"), str(pathlib.Path(__file__).parent / "interop/checker.go")], check=True,
                   env=environment, timeout=300)

    def check(*args):
        return subprocess.run([str(folder / "checker"), *map(str, args)], capture_output=True, text=True, timeout=60).returncode == 0
    return check


def test_a_third_partys_checker_agrees(day, tmp_path, checker):
    """Whole or forged: golang.org/x/mod/sumdb says of checkpoints, exports and proofs what sealdesk-verify says."""
    assert checker(day.key, "export", day.export)
    for i in record_lines(day.lines):
        changed = [*day.lines[:i], day.lines[i].replace(b"granted", b"refused"), *day.lines[i + 1:]]
        assert not checker(day.key, "export", written(tmp_path, changed))
    (tmp_path / "record").write_bytes(day.lines[record_lines(day.lines)[2]])
    (tmp_path / "proof").write_text(day.log.good("audit", "prove", "--record", "2"))
    assert checker(day.key, "record", tmp_path / "proof", tmp_path / "record")
    (tmp_path / "record").write_bytes(day.lines[record_lines(day.lines)[3]])
    assert not checker(day.key, "record", tmp_path / "proof", tmp_path / "record")
    (tmp_path / "proof").write_text(day.log.good("audit", "prove", "--consistency", str(day.early)))
    assert checker(day.key, "continues", tmp_path / "proof", day.early)
    assert not checker(day.key, "continues", tmp_path / "proof", day.late)
