"""Attachments on the agents' page, in a real browser, with the real ClamAV and the real renderer: what was found, pictures, originals,
release, quarantine and incidents."""
import pytest

import browser
import desk
from desk import PASSWORD, signed, wait_for
from samples import docm, docx, mail, pdf
from scanners import EICAR, Clamd

pytestmark = pytest.mark.skipif(not browser.PROGRAM, reason="chromium is not installed")

HTML = ("<html><head><style>p {color: #1d5c52}</style></head><body><h1>Order 4711</h1><p>It is <b>late</b>.</p>"
        "<img src='https://tracker.example/pixel.png'><script>parent.document.title = 'taken'</script>"
        "<form action='https://evil.example/'><input name=password></form><a href='https://evil.example/'>https://bank.example/</a></body></html>")
LATE = b"something that nobody knows yet, 4711"


@pytest.fixture(scope="module")
def clamd():
    daemon = Clamd().start()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory, world, clamd):
    office = desk.Office(tmp_path_factory.mktemp("office") / "data", world, clamd.options())
    office.start()
    ada = office.whole("ada@desk.example")
    for name in ("Pat", "Quin"):  # each browser has its own passkeys
        address = f"{name.lower()}@desk.example"
        office.person(address, name, "supervisor", ["support"])
        person = next(p["id"] for p in office.get(ada, "/people").json()["items"] if p["email"] == address)
        made = office.confirmed(ada, "POST", "/grants", {"person": person, "verbs": ["release"], "queue": "support", "reason": "looks after attachments"})
        assert made.status_code == 201, made.text
    yield office
    office.stop()


@pytest.fixture
def page(office):
    window = browser.Browser(slow=desk.SLOW)
    window.authenticator()
    yield window
    window.close()


def arrive(office, world, subject, files=(), html=None):
    code, text = office.send(signed(world, mail(subject, files, html), "customer.example"))
    assert code == 250, text


def shown(page, screen):
    page.wait(f"!document.getElementById({screen!r}).hidden")


def sign_in(page, office, address):
    page.go(f"{office.origin}/")
    shown(page, "sign-in")
    page.type("#email", address)
    page.type("#password", PASSWORD)
    page.type("#totp", office.fresh_code(address))
    page.key("Enter", 13, "\r")


def with_passkey(page, office, address):
    """Of a role that needs one: it is added at the first sign-in."""
    sign_in(page, office, address)
    shown(page, "limited")
    page.type("#limited-code", office.fresh_code(address))
    page.press("Add a passkey")
    shown(page, "app")


def open_ticket(page, subject):
    page.wait(f"[...document.querySelectorAll('#list a')].some(a => a.innerText.includes({subject!r}))", 15)
    page.js(f"[...document.querySelectorAll('#list a')].find(a => a.innerText.includes({subject!r})).click()")
    page.wait("document.querySelector('.message-body, .message .note')")
    page.wait(f"document.querySelector('#ticket h1').textContent.includes({subject!r})")


def file_named(page, name):
    return page.js(f"[...document.querySelectorAll('.file')].findIndex(f => f.innerText.includes({name!r})) + 1")


def add_passkey(page, office, address):
    page.js("location.hash = '#/account'")
    page.wait("document.querySelector('#passkey-code')")
    page.type("#passkey-code", office.fresh_code(address))
    page.press("Add a passkey")
    page.wait("document.querySelectorAll('#account .things').length === 2")
    page.js("location.hash = '#/'")
    shown(page, "panes")


def downloads(page, folder):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))


def test_what_was_found_and_pictures_of_it(page, office, world, tmp_path):
    """A clean document and one with macros: both are looked at, one is downloaded, the other is released with a reason and a gesture."""
    invoice = docx(["Order 4711 is late."] * 5)
    arrive(office, world, "two documents", [("Rechnung März.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", invoice),
                                            ("macro.docm", "application/vnd.ms-word.document.macroEnabled.12", docm())])
    sign_in(page, office, "pat@desk.example")
    shown(page, "app")
    add_passkey(page, office, "pat@desk.example")
    open_ticket(page, "two documents")
    page.wait("document.querySelectorAll('.file').length === 2")
    clean, macro = (f".file:nth-child({file_named(page, name)})" for name in ("Rechnung", "macro.docm"))
    page.shoot("attachments")
    assert "Nothing found" in page.text(clean) and "Suspicious" in page.text(macro)
    assert "1 of them closed" in page.text(".attachments summary")
    assert "Download original…" in page.text(clean) and "Download original…" not in page.text(macro)
    page.js(f"document.querySelector('{macro} .findings summary').click()")
    assert "It holds macros" in page.text(macro)

    page.press("Preview", within=clean)
    page.wait("document.querySelector('.viewer-pages img.there')", 60)  # the first start of LibreOffice
    page.shoot("preview")
    page.press("Close", within="#viewer")
    page.press("Preview", within=macro)
    page.wait("document.querySelector('#viewer').open")
    page.wait("document.querySelector('.viewer-pages img.there')", 60)
    page.shoot("preview-macro")
    assert "1 page. These are pictures of the pages; the original stays closed." in page.text("#viewer")
    assert page.js("document.querySelector('.viewer-pages img').naturalWidth") > 500
    page.key("Escape", 27)
    page.wait("!document.querySelector('#viewer').open")
    assert page.js("document.activeElement.innerText") == "Preview"

    downloads(page, tmp_path)
    page.press("Download original…", within=clean)
    page.wait("document.querySelector('#approval').open")
    assert page.js("document.activeElement.innerText") == "Cancel" and "leaves the desk’s protection" in page.text("#approval")
    page.shoot("download")
    page.press("Download the original", within="#approval")
    saved = wait_for(lambda: [f for f in tmp_path.iterdir() if f.suffix == ".docx" and f.stat().st_size == len(invoice)], 10, "download")
    assert saved[0].name == "Rechnung März.docx" and saved[0].read_bytes() == invoice

    page.press("Release…", within=macro)
    page.wait("document.querySelector('#approval').open")
    page.press("Release", within="#approval")
    page.wait("document.querySelector('#approval').innerText.includes('at least ten characters')")
    page.type("#release-reason", "the customer's own calculation, seen on the phone")
    page.shoot("release")
    page.press("Release", within="#approval")
    page.wait("document.querySelector('#gesture').open")
    assert "elease the attachment “macro.docm”" in page.text("#gesture")
    page.press("Confirm", within="#gesture")
    page.wait(f"document.querySelector('{macro}').innerText.includes('Released by Pat')")
    assert "Suspicious" in page.text(macro) and "Download original…" in page.text(macro)
    page.shoot("released")
    page.js("document.querySelector('.timeline summary').click()")
    page.wait("document.querySelectorAll('.timeline li').length > 3")
    history = page.text(".timeline")
    assert "Looked at pictures of an attachment." in history and "Took the original of an attachment." in history
    assert "Released it, whatever was found in it: the customer's own calculation, seen on the phone" in history
    assert page.problems == [] and "undefined" not in page.text("#ticket")


def test_a_formatted_message_in_a_frame_without_rights(page, office, world):
    arrive(office, world, "formatted", html=HTML)
    sign_in(page, office, "alice@desk.example")
    shown(page, "app")
    open_ticket(page, "formatted")
    assert page.js("document.querySelector('iframe')") is None and "See the attachment." in page.text(".message-body")
    page.press("Show formatting")
    page.wait("document.querySelector('iframe.formatted')")
    assert page.js("document.querySelector('iframe').getAttribute('sandbox')") == ""
    address = page.js("document.querySelector('iframe').src")
    wait_for(lambda: page.js("1") and address in page.requests, 10, "the frame's request")
    page.js("new Promise(r => setTimeout(r, 700))")
    page.shoot("formatted")
    answer = page.js(f"fetch({address!r}).then(async a => [a.headers.get('content-security-policy'), await a.text()])")
    assert answer[0].startswith("default-src 'none'; style-src 'unsafe-inline'") and answer[0].endswith("sandbox")
    assert "<b>late</b>" in answer[1] and "script" not in answer[1] and "tracker.example" not in answer[1] and "<form" not in answer[1]
    assert "evil.example" in answer[1]  # where it leads, shown
    place = page.js("(r => [r.x, r.y])(document.querySelector('iframe').getBoundingClientRect())")
    for down in range(10, 200, 8):  # somewhere there is the link
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, x=place[0] + 60, y=place[1] + down, button="left", clickCount=1)
    page.js("new Promise(r => setTimeout(r, 500))")
    assert all(url.startswith((office.origin + "/", "about:", "https://evil.example/")) for url in page.requests), page.requests
    assert page.js("location.hash").startswith("#/t/") and page.js("document.querySelectorAll('iframe').length") == 1
    blocked, page.problems = page.problems, []
    assert all("frame-src" in problem for problem in blocked), blocked
    page.press("Plain text")
    page.wait("document.querySelector('iframe') === null")
    assert page.js("document.title").startswith("#") and page.problems == []


def test_a_message_is_let_out_of_quarantine(page, office, world):
    """By somebody who may both read and release; what is attached stays closed."""
    arrive(office, world, "a virus for the museum", [("eicar.com", "application/octet-stream", EICAR)])
    sign_in(page, office, "quin@desk.example")
    shown(page, "app")
    add_passkey(page, office, "quin@desk.example")
    page.js("location.hash = '#/quarantine'")
    page.wait("document.querySelector('#account .things > li')")
    held = page.js("document.querySelectorAll('#account .things > li').length")
    assert "museum" not in page.text("#account")  # of what is in quarantine not even the subject is read
    whole = page.js("[...document.querySelectorAll('#account .things > li')].findIndex(i => i.innerText.includes('The whole message')) + 1")
    page.press("Release…", within=f"#account .things > li:nth-child({whole})")
    page.wait("document.querySelector('#approval').open")
    assert "Its attachments stay as they are." in page.text("#approval")
    page.type("#release-reason", "for the museum of viruses")
    page.press("Release", within="#approval")
    page.wait("document.querySelector('#gesture').open")
    page.press("Confirm", within="#gesture")
    page.wait(f"document.querySelectorAll('#account .things > li').length === {held - 1}")
    page.js("document.querySelector('#filter-state').value = 'review'; location.hash = '#/'; loadList()")
    open_ticket(page, "a virus for the museum")
    page.wait("document.querySelector('.ticket-head').innerText.includes('Review') && document.querySelector('.file')")
    assert "Malicious" in page.text(".file") and "Download" not in page.text(".file") and "Preview" not in page.text(".file")
    page.js("document.querySelector('.file .findings summary').click()")
    assert "Test.Eicar" in page.text(".file")
    page.shoot("let-out")
    assert page.problems == []


def test_quarantine_and_incidents(page, office, world, clamd):
    """A known virus is held; one that becomes known later is closed, and the security officer sees who had opened it."""
    arrive(office, world, "virus", [("eicar.com", "application/octet-stream", EICAR)])
    arrive(office, world, "known too late", [("notes.txt", "text/plain", LATE)])
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "known too late")
    message = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    files = office.get(alice, f"/messages/{message['id']}/attachments").json()["items"]
    assert [f["state"] for f in files] == ["clean"], files
    assert office.get(alice, f"/attachments/{files[0]['id']}").content == LATE
    clamd.add_hash(LATE, "Test.Late")
    clamd.update()
    wait_for(lambda: office.get(alice, f"/messages/{message['id']}/attachments").json()["items"][0]["state"] == "malicious", 90, "the hunt")
    closed = office.get(alice, f"/attachments/{files[0]['id']}")
    assert closed.status_code == 409 and "It is malicious." in closed.json()["detail"]

    with_passkey(page, office, "sam@desk.example")
    page.wait("!document.querySelector('#to-quarantine').hidden && !document.querySelector('#to-incidents').hidden")
    assert "turned out to be malicious" in page.text("#alarms")
    page.js("location.hash = '#/incidents'")
    page.wait("document.querySelector('#account').innerText.includes('Incident 1')")
    assert "Test.Late" in page.text("#account") and "Alice downloaded the original" in page.text("#account")
    page.shoot("incidents")
    page.press("Close…", within="#account")
    page.type("#incident-note", "told Alice, her computer was looked at")
    page.press("Close the incident", within="#approval")
    page.wait("document.querySelector('#account').innerText.includes('her computer was looked at')")

    page.js("location.hash = '#/quarantine'")
    page.wait("document.querySelector('#account h1').innerText === 'Quarantine' && document.querySelectorAll('#account .things li').length >= 2")
    text = page.text("#account")
    assert "Malicious" in text and "eicar.com" not in text  # an officer may release, and need not be one who may read
    page.shoot("quarantine")
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    assert page.js("document.documentElement.scrollWidth <= 390")
    page.shoot("quarantine-phone")
    assert page.problems == []
