"""The way of an attachment by the real doors: SMTP in, the real scanner and renderer, the API out. One installation for all tests
of this file, which runs for longer than its scanner does: the tests are in the order of its day."""
import contextlib
import hashlib
import io
import json
import pathlib
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
import zlib

import pytest

import browser
import desk
import samples
import scanners
from desk import wait_for

PDF = "application/pdf"
LATE_WORD = b"this was harmless until somebody looked closer"
LATE_NAME = "Test.Late"
HTML = """<p>Your <b>order</b> <a href="https://customer.example/o/4711">4711</a></p><script>document.title='owned'</script>
<img src="https://tracker.example/pixel.png" onerror="document.title='owned'"><form action="https://evil.example/"><input name=a></form>
<a href="javascript:document.title='owned'">click</a><p style="background:url(https://tracker.example/x)">end</p>"""


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"
    return struct.unpack(">II", data[16:24])


class House:
    """The installation, its scanner, and how its tests talk of letters and attachments."""

    def __init__(self, folder, clamd, options=()):
        self.clamd = clamd
        self.office = desk.Office(folder / "data", desk.World(folder), options=[*clamd.options(), *options])

    def send(self, subject, files=(), **kwargs):
        reply = self.office.send(desk.signed(self.office.world, samples.mail(subject, files, **kwargs), "customer.example"))
        assert reply[0] == 250, reply

    def message(self, session, subject):
        """The one message of the ticket with this subject, as the desk shows it, or the refusal."""
        ticket = self.office.ticket_with(session, subject, 20)
        return self.office.get(session, f"/tickets/{ticket['id']}").json()["messages"][0]

    def attachments(self, session, message):
        answer = self.office.get(session, f"/messages/{message}/attachments")
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def attachment(self, session, subject, state=None, seconds=20):
        """The first attachment of the letter with this subject, when it has this state."""
        message = self.message(session, subject)["id"]
        def there():
            items = self.attachments(session, message)
            return items[0] if items and (state is None or items[0]["state"] == state) else None
        return wait_for(there, seconds, f"attachment of {subject!r} {state or ''}")

    def get(self, session, attachment, more=""):
        return self.office.get(session, f"/attachments/{attachment}{more}")

    def preview(self, session, attachment, seconds=30):
        """What can be shown of it, when that is made."""
        made = self.office.post(session, f"/attachments/{attachment}/preview", {})
        assert made.status_code in (200, 201, 202), made.text
        def ready():
            answer = self.get(session, attachment, "/preview?wait=1")
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.json()["state"] in ("done", "failed") else None
        return wait_for(ready, seconds, "preview")

    def actions(self, *names):
        return [r for r in self.office.audit() if r["action"] in names]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    clamd = scanners.Clamd()
    house = House(tmp_path_factory.mktemp("attachments"), clamd)
    try:
        house.office.start()
        yield house
    finally:
        house.office.stop()
        clamd.close()


@pytest.fixture(scope="module")
def alice(house):
    return house.office.whole("alice@desk.example")


@pytest.fixture(scope="module")
def sam(house):
    return house.office.whole("sam@desk.example")


# ---- morning: the scanner is not there yet ----

def test_without_the_scanner_mail_comes_in_and_no_attachment_opens(house, alice):
    house.send("early", [("early.pdf", PDF, samples.pdf())])
    house.send("early and bad", [("bad.txt", "text/plain", scanners.EICAR)])
    file = house.attachment(alice, "early")
    assert file["state"] == "unscanned" and not file["openable"] and not file["previewable"]
    assert "scanner-down" in [f["id"] for f in file["findings"]]
    refused = house.get(alice, file["id"])
    assert refused.status_code == 409 and refused.json()["code"] == "unscanned", refused.text
    assert house.office.post(alice, f"/attachments/{file['id']}/preview", {}).status_code == 409
    message = house.message(alice, "early")
    assert "See the attachment" in house.office.get(alice, f"/messages/{message['id']}").json()["text"]
    assert house.office.get(alice, f"/messages/{message['id']}/source").status_code == 409


def test_status_says_that_the_scanner_is_away(house):
    assert wait_for(lambda: "scanner" in house.office.cli("status").stdout, 10, "status says it")


# ---- the scanner comes ----

def test_a_clean_file_opens_as_it_came_and_its_pages_are_shown(house, alice):
    house.clamd.start()
    wait_for(lambda: "scanner" not in house.office.cli("status").stdout, 20, "the scanner is seen")
    content = samples.pdf(3)
    house.send("clean", [("order 4711.pdf", PDF, content)])
    file = house.attachment(alice, "clean", "clean")
    assert file["openable"] and file["findings"] == [] and "ClamAV" in file["engine"] and file["scanned_at"]
    got = house.get(alice, file["id"])
    assert got.status_code == 200 and got.content == content
    assert got.headers["Content-Disposition"].startswith("attachment") and "order" in got.headers["Content-Disposition"]
    assert got.headers["Cache-Control"] == "no-store" and got.headers["X-Content-Type-Options"] == "nosniff"


def test_previews_are_pictures_of_every_page(house, alice):
    file = house.attachment(alice, "clean", "clean")
    shown = house.preview(alice, file["id"])
    assert shown["state"] == "done" and shown["pages"] == shown["total"] == 3 and not shown["cut"], shown
    for page in (1, 2, 3):
        picture = house.get(alice, file["id"], f"/preview/{page}")
        assert picture.status_code == 200 and picture.headers["Content-Type"] == "image/png"
        width, height = png_size(picture.content)
        assert 400 <= max(width, height) <= 4000 and height > width
    assert house.get(alice, file["id"], "/preview/4").status_code == 404
    document = house.get(alice, file["id"], "/preview/pdf")
    assert document.status_code == 200 and document.content.startswith(b"%PDF-")
    path = house.office.folder.parent / "pixels.pdf"
    path.write_bytes(document.content)
    assert "Pages:           3" in subprocess.run(["pdfinfo", path], capture_output=True, text=True).stdout
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True).stdout
    assert "4711" not in text  # pictures, not text
    assert [r["outcome"] for r in house.actions("preview")][-1] == "granted"


def test_a_document_with_macros_is_shown_and_not_handed_out(house, alice):
    house.send("macros", [("offer.docm", "application/vnd.ms-word.document.macroEnabled.12", samples.docm())])
    file = house.attachment(alice, "macros", "suspicious")
    assert any(f["id"].startswith("macro") for f in file["findings"]) and not file["openable"] and file["previewable"]
    refused = house.get(alice, file["id"])
    assert refused.status_code == 409 and "macros" in refused.json()["detail"], refused.text
    assert house.preview(alice, file["id"])["pages"] == 1
    assert png_size(house.get(alice, file["id"], "/preview/1").content)


def test_what_is_encrypted_is_seen_and_closed(house, alice):
    house.send("encrypted", [("orders.zip", "application/zip", samples.encrypted_zip())])
    file = house.attachment(alice, "encrypted", "encrypted")
    assert not file["openable"] and not file["previewable"] and house.get(alice, file["id"]).status_code == 409


def test_a_virus_is_quarantined_until_it_is_released_with_reason_and_gesture(house, alice, sam):
    house.send("virus", [("invoice.txt", "text/plain", scanners.EICAR)])
    def held():
        listed = house.office.confirmed(sam, "GET", "/quarantine").json()["items"]
        return next((i for i in listed if i["kind"] == "file" and i["state"] == "malicious" and "Eicar" in (i["signature"] or "")), None)
    item = wait_for(held, 20, "quarantined")
    assert "virus" in [f["id"] for f in item["findings"]] and item["disposition"] == "quarantine"
    assert house.get(alice, item["id"]).status_code in (404, 409)
    path = f"/attachments/{item['id']}/release"
    assert house.office.post(alice, path, {"reason": "I want it"}).status_code in (403, 404)
    without = house.office.post(sam, path, {"reason": "for the laboratory"})
    assert without.status_code == 403 and without.json()["code"] == "step-up-required", without.text
    assert house.office.confirmed(sam, "POST", path, {}).status_code == 422
    done = house.office.confirmed(sam, "POST", path, {"reason": "for the laboratory"})
    assert done.status_code == 200, done.text
    assert house.office.confirmed(sam, "POST", f"/messages/{item['message']}/release", {"reason": "it belongs to it"}).status_code == 200
    got = wait_for(lambda: (a := house.get(alice, item["id"])).status_code == 200 and a, 10, "released")
    assert got.content.strip() == scanners.EICAR
    record = [r for r in house.actions("release") if r["outcome"] == "granted"][0]
    assert record["actor"]["name"] == "Sam" and "laboratory" in json.dumps(record)


def test_html_comes_out_clean_and_does_nothing_in_a_browser(house, alice):
    house.send("html", html=HTML)
    message = house.message(alice, "html")["id"]
    whole = house.office.get(alice, f"/messages/{message}").json()
    alone = house.office.get(alice, f"/messages/{message}/html")
    assert alone.status_code == 200 and alone.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in alone.headers["Content-Security-Policy"] and "default-src 'none'" in alone.headers["Content-Security-Policy"]
    for text in (whole["html"], alone.text):
        low = text.lower()
        assert "order" in low and "customer.example" in low
        for bad in ("<script", "onerror", "<form", "<input", "javascript:", "tracker.example", "url("):
            assert bad not in low, bad
    if not browser.PROGRAM:
        pytest.skip("chromium is not installed")
    page = house.office.folder.parent / "letter.html"
    page.write_text(f"<title>safe</title>{whole['html']}")  # without any policy: the sanitiser alone has to do
    window = browser.Browser(slow=desk.SLOW)
    try:
        window.call("Page.navigate", url=page.as_uri())
        wait_for(lambda: window.call("Runtime.evaluate", expression="document.readyState")["result"]["value"] == "complete", 10)
        assert window.call("Runtime.evaluate", expression="document.title")["result"]["value"] == "safe"
        assert window.call("Runtime.evaluate", expression="document.scripts.length + document.forms.length")["result"]["value"] == 0
        assert not [r for r in window.requests if "http" in str(r) and "file:" not in str(r)], window.requests
    finally:
        window.close()


def test_whoever_writes_to_the_store_forges_no_verdict(house, alice):
    """The store is what the desk may write to: states in it are for show, and the keeper's count."""
    file = house.attachment(alice, "macros", "suspicious")
    with sqlite3.connect(house.office.folder / "store" / "store.db", timeout=20) as db:
        tables = [name for name, in db.execute("select name from sqlite_master where type = 'table'")]
        table = next(t for t in tables if "state" in [c[1] for c in db.execute(f"pragma table_info({t})")] and "attach" in t)
        assert db.execute(f"update {table} set state = 1").rowcount > 0
        db.commit()
    assert house.get(alice, file["id"]).status_code == 409
    assert house.attachment(alice, "macros")["state"] == "suspicious"
    assert house.office.get(alice, f"/messages/{house.message(alice, 'macros')['id']}/source").status_code == 409


# ---- the command line ----

def test_the_command_line_shows_releases_and_destroys(house, alice):
    cli = house.office.cli
    held = [json.loads(line) for line in cli("quarantine", "list", "--json").stdout.splitlines()]
    assert {"suspicious", "encrypted"} <= {h["state"] for h in held}
    lines = cli("quarantine", "list").stdout
    file = house.attachment(alice, "encrypted")
    assert file["id"] in lines and "order" not in lines  # ids and words; nothing of what is in them
    shown = cli("quarantine", "show", file["id"][:8])
    assert shown.returncode == 0, shown.stderr
    assert "encrypted" in shown.stdout and "stays closed" in shown.stdout and "ClamAV" in shown.stdout
    whole = [json.loads(line) for line in cli("quarantine", "show", file["id"], "--json").stdout.splitlines()]
    assert [w["kind"] for w in whole] == ["letter", "file"] and whole[1]["id"] == file["id"]
    for wrong, status in ((file["id"][:5], 2), ("zzzzzzzz", 2), ("0" * 32 + "0", 2), ("00000000", 1)):
        assert cli("quarantine", "show", wrong).returncode == status, wrong
    assert cli("quarantine", "release", file["id"]).returncode == 2
    assert cli("quarantine", "release", file["id"][:10], "--reason", "the customer told us the password").returncode == 0
    assert house.get(alice, file["id"]).status_code == 200
    assert "Released by" in cli("quarantine", "show", file["id"]).stdout + cli(
        "quarantine", "show", house.message(alice, "encrypted")["id"]).stdout


def test_destroying_what_is_held_takes_its_letter_and_tells_everybody(house, alice):
    cli = house.office.cli
    house.send("destroy", [("gift.exe", "application/octet-stream", b"MZ" + bytes(200))])
    file = house.attachment(alice, "destroy", "suspicious")
    clean = house.attachment(alice, "clean")["id"]
    assert cli("quarantine", "destroy", file["id"], "--break-glass", "short").returncode == 2
    assert cli("quarantine", "destroy", clean, "--break-glass", "a reason of some length").returncode in (1, 77)
    assert house.get(alice, clean).status_code == 200
    done = cli("quarantine", "destroy", file["id"][:12], "--break-glass", "it is a program that nobody needs", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["destroyed"] == 2, done.stderr
    assert house.get(alice, file["id"]).status_code in (404, 409, 410)
    assert "destroyed from the command line" in cli("alarm", "list").stdout
    assert file["id"] not in cli("quarantine", "list").stdout


# ---- afternoon: other signatures ----

def test_what_waited_for_the_scanner_is_open_now(house, alice, sam):
    file = house.attachment(alice, "early", "clean", 90)
    assert house.get(alice, file["id"]).status_code == 200
    assert house.attachment(alice, "early and bad", "malicious", 30)["openable"] is False


def test_what_turns_out_to_be_malicious_is_closed_and_names_who_opened_it(house, alice, sam):
    content = samples.packed([("late.txt", LATE_WORD)])
    house.send("late", [("late.zip", "application/zip", content)])
    file = house.attachment(alice, "late", "clean")
    assert house.get(alice, file["id"]).content == content
    house.clamd.stop()
    house.clamd.add_body(LATE_WORD, LATE_NAME)
    house.clamd.write()
    house.clamd.start()
    found = house.attachment(alice, "late", "malicious", 60)
    assert LATE_NAME in found["signature"] and not found["openable"]
    assert house.get(alice, file["id"]).status_code in (404, 409)
    incidents = house.office.confirmed(sam, "GET", "/incidents").json()["items"]
    incident = next(i for i in incidents if i["object"] == file["id"])
    assert incident["state"] == "open" and LATE_NAME in incident["signature"]
    assert {o["name"] for o in incident["opened_by"]} == {"Alice"} and incident["opened_by"][0]["at"]
    alarms = house.office.confirmed(sam, "GET", "/alarms").json()["items"]
    assert any(a["kind"] == "infected" for a in alarms), alarms
    shown = house.office.cli("incident", "list")
    assert shown.returncode == 0 and f"opened by Alice" in shown.stdout and LATE_NAME in shown.stdout
    closed = house.office.confirmed(sam, "POST", f"/incidents/{incident['id']}/close", {"note": "Alice's machine is reinstalled"})
    assert closed.status_code == 204, closed.text
    assert house.office.cli("incident", "close", str(incident["id"]), "--note", "again").returncode == 1
    assert "reinstalled" in house.office.cli("incident", "list").stdout


def test_custody_outlives_a_restart_and_a_keeper_of_its_own_tells_it(house, alice):
    def held():
        listed = house.office.cli("quarantine", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        return [(i["id"], i["state"], i["findings"], i["signature"]) for i in map(json.loads, listed.stdout.splitlines())]
    before = held()
    file, clean = house.attachment(alice, "macros"), house.attachment(alice, "clean")
    assert house.office.stop() == 0
    assert before and held() == before
    house.office.start()
    again = house.office.whole("alice@desk.example")
    assert house.attachment(again, "macros")["state"] == "suspicious" and house.get(again, file["id"]).status_code == 409
    assert house.get(again, clean["id"]).status_code == 200
    assert house.get(again, clean["id"], "/preview/1").status_code == 200


def test_nothing_of_it_is_readable_at_rest(house):
    for path in house.office.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for word in (b"invoice.txt", b"offer.docm", b"EICAR-STANDARD", b"order 4711", LATE_WORD, b"%PDF-1.4"):
                assert word not in data, (path, word)
    assert not list((house.clamd.folder / "tmp").iterdir())
