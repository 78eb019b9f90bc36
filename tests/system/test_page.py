"""The agents' page in a real browser, on the real stack."""
import email
import time

import pytest

import browser
import desk
from desk import PASSWORD, letter, signed, totp, wait_for

pytestmark = pytest.mark.skipif(not browser.PROGRAM, reason="chromium is not installed")

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
TURNED = "\u05d3\u05d5\u05d3 \u202egpj.exe"


@pytest.fixture
def page():
    window = browser.Browser(slow=desk.SLOW)
    yield window
    window.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = desk.World(tmp_path_factory.mktemp("world"))
    world.domain("desk-support.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    world.domain("other.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    return world


@pytest.fixture(scope="module")
def sink(office, world):
    receiver = desk.Sink(office.mx_port, world)
    yield receiver
    receiver.close()


def send(office, world, **more):
    code, text = office.send(signed(world, letter(**more), "customer.example"))
    assert code == 250, text


@pytest.fixture
def agent(office, request):
    """A colleague of each test's own: each one-time code counts once, and two of them are there without waiting."""
    address = f"{request.node.name.replace('_', '-')}@desk.example"
    office.person(address, "Toni", "agent", ["support"])
    return address


def fresh_code(office, address):
    """Each step counts once: the next one that is not spent."""
    spent = office.spent.get(address, 0)
    step = max(int(time.time() // 30) - 1, spent + 1)
    while step > int(time.time() // 30):
        time.sleep(0.2)
    office.spent[address] = step
    return totp(office.secrets[address], step * 30)


def sign_in(page, office, address):
    page.type("#email", address)
    page.type("#password", PASSWORD)
    page.type("#totp", fresh_code(office, address))
    page.key("Enter", 13, "\r")
    page.wait("!document.getElementById('app').hidden")


def open_ticket(page, subject):
    page.wait(f"[...document.querySelectorAll('#list a')].some(a => a.innerText.includes({subject!r}))")
    page.js(f"[...document.querySelectorAll('#list a')].find(a => a.innerText.includes({subject!r})).click()")
    page.wait("document.querySelector('.message-body')")
    page.wait(f"document.querySelector('#ticket h1').textContent.includes({subject!r})")


def test_a_day_at_the_desk(page, office, world, sink, agent):
    send(office, world, subject="Wo ist es? Łódź", name="Jürgen Müller", text="Guten Tag.\r\n")
    page.go(office.url + "/")
    page.wait("!document.getElementById('sign-in').hidden")
    assert page.js("document.activeElement.id") == "email"
    asked = len(page.requests)
    page.press("Sign in")  # incomplete: said at once, and no attempt is spent
    page.wait("!document.getElementById('sign-in-note').hidden")
    assert "e-mail" in page.text("#sign-in-note") and not [url for url in page.requests[asked:] if "/api/" in url]
    sign_in(page, office, agent)
    open_ticket(page, "Wo ist es? Łódź")
    assert "Guten Tag." in page.text(".message-body") and "Verified: customer.example" in page.text("#ticket")
    page.press("Assign to me")
    page.wait("document.querySelector('#ticket').innerText.includes('assigned to you')")
    assert page.js("document.querySelector('#ticket').contains(document.activeElement)")
    page.type("#reply-text", "Es kommt morgen. 🎉")
    page.press("Send answer")
    page.wait("document.querySelectorAll('#ticket article').length === 2")
    page.wait("document.activeElement.closest('article.out') !== null")
    message = wait_for(lambda: sink.messages and sink.messages[-1], 15, "delivery")
    assert message["to"] == ["kim@customer.example"] and message["tls"]
    page.wait("document.querySelector('.delivery.sent')", 20)
    page.press("Close", within="#ticket")
    page.wait("document.querySelector('#ticket').innerText.includes('Closed')")
    page.js("document.querySelector('.timeline summary').click()")
    page.wait("document.querySelectorAll('.timeline li').length > 3")
    assert "A message came in." in page.text(".timeline") and "undefined" not in page.text("#ticket")
    page.press("Sign out")
    page.wait("!document.getElementById('sign-in').hidden && document.getElementById('app').hidden")
    assert "Łódź" not in page.js("document.documentElement.innerHTML")
    assert page.problems == []
    assert all(url.startswith((office.url + "/", "about:")) for url in page.requests)


def from_them(office, world, sender, signed_by=None, to="support@desk.example", **more):
    message = letter(sender=sender, to=to, **more)
    code, text = office.send(signed(world, message, signed_by) if signed_by else message, sender=sender, to=(to,), tls=bool(signed_by))
    assert code == 250, text


def last(page, selector):
    return page.js(f"[...document.querySelectorAll({selector!r})].at(-1)?.innerText || ''")


def test_who_sent_it_is_seen_and_said(page, office, world, sink, agent):
    """One ticket of each kind, as the person who answers it sees it."""
    from_them(office, world, "kim@customer.example", "customer.example", subject="kind verified", text="abc\r\n")
    from_them(office, world, "jo@plain.example", subject="kind unverified", text="abc\r\n")
    from_them(office, world, "jo@dmarcfail.example", subject="kind failed", text="abc\r\n")
    from_them(office, world, "jo@desk-support.example", "desk-support.example", subject="kind look-alike", text="abc\r\n")
    page.go(office.url + "/")
    page.wait("!document.getElementById('sign-in').hidden")
    sign_in(page, office, agent)

    open_ticket(page, "kind verified")
    assert "Verified: customer.example · " in page.text(".message .trust") and "TLS 1.3" in page.text(".message .trust")
    assert page.js("document.querySelector('.message .mark').className") == "mark verified"
    assert page.js("document.querySelector('.not-customer') === null && document.querySelector('.held') === null")
    page.focus(".sender summary")
    page.key("Enter", 13, "\r")
    page.wait("document.querySelector('.sender').open")
    checks = page.text(".checks")
    for part in ("DMARC pass for customer.example, by SPF and DKIM", "SPF pass for customer.example",
                 "DKIM pass by customer.example (2048 bit, rsa-sha256)", "Connection encrypted with TLS 1.3"):
        assert part in checks
    assert "kim@customer.example" in page.text(".reply .to") and page.js("document.querySelector('#reply-reason') === null")

    page.type("#reply-text", "Here is an answer.")
    page.press("Send answer")
    wait_for(lambda: sink.messages and b"Here is an answer" in sink.messages[-1]["bytes"], 15, "delivery")
    token = email.message_from_bytes(sink.messages[-1]["bytes"])["Reply-To"]
    from_them(office, world, "mallory@other.example", "other.example", to=token, subject="Re: kind verified", text="send it to me\r\n")
    wait_for(lambda: page.js("fetch('/api/v1/tickets/' + current.id).then(a => a.json()).then(t => t.messages.length)") == 3, 15, "stranger")
    page.js("reload().then(() => true)")
    page.wait("document.querySelectorAll('#ticket article').length === 3")
    assert "takes no part in this ticket" in last(page, ".not-customer")
    assert "kim@customer.example" in page.text(".reply .to") and "somebody who takes no part" in page.text("#reply-reason")
    assert page.js("document.querySelector('.sender').open")  # what was unfolded stays so
    page.call("Emulation.setDeviceMetricsOverride", width=380, height=900, deviceScaleFactor=1, mobile=True)
    assert page.js("document.documentElement.scrollWidth") == 380  # for all of the token's length
    page.call("Emulation.clearDeviceMetricsOverride")

    open_ticket(page, "kind unverified")
    assert page.text(".message .trust").replace("\n", "").endswith("Not verified: claims to be plain.example · first contact · in clear")
    assert page.js("document.querySelector('.message .mark').className") == "mark unverified"
    assert "jo@plain.example" in page.text(".reply .to")

    open_ticket(page, "kind look-alike")
    assert "looks like one of your own" in page.text(".warnings")
    assert "1 warning" in page.js("[...document.querySelectorAll('#list a')].find(a => a.innerText.includes('look-alike')).innerText")

    choose(page, "#filter-state", "review")
    open_ticket(page, "kind failed")
    assert page.text(".message .trust b") == "Failed" and "DMARC policy" in page.text(".held")
    assert page.js("document.querySelector('#reply-text') === null") and "not verified" in page.text(".not-customer")
    page.press("Open ticket")
    page.wait("document.querySelector('.held') === null && document.querySelector('#reply-text')")
    assert page.problems == []


def choose(page, selector, value):
    page.js(f"(s => {{ s.value = {value!r}; s.dispatchEvent(new Event('change')); }})(document.querySelector({selector!r}))")


def test_tickets_are_found_by_their_sender(page, office, world, agent):
    from_them(office, world, "jo@plain.example", subject="found unverified", text="abc\r\n")
    from_them(office, world, "jo@desk-support.example", "desk-support.example", subject="found look-alike", text="abc\r\n")
    from_them(office, world, "kim@customer.example", "customer.example", subject="found verified", text="abc\r\n")
    page.go(office.url + "/")
    page.wait("!document.getElementById('sign-in').hidden")
    sign_in(page, office, agent)
    shown = "[...document.querySelectorAll('#list .subject')].map(s => s.textContent).filter(s => s.startsWith('found')).sort().join()"
    page.wait(f"{shown} === 'found look-alike,found unverified,found verified'")
    page.focus("#sender-filters summary")
    page.key("Enter", 13, "\r")
    page.wait("document.querySelector('#filter-domain').offsetParent !== null")
    choose(page, "#filter-trust", "unverified")
    page.wait(f"{shown} === 'found unverified'")
    choose(page, "#filter-trust", "")
    choose(page, "#filter-signal", "lookalike-own")
    page.wait(f"{shown} === 'found look-alike'")
    assert "looks like one of your own" in page.text("#sender-summary")
    page.press("Clear")
    page.wait(f"{shown}.includes('found verified')")
    page.type("#filter-domain", "Jo@Plain.Example")
    page.key("Enter", 13, "\r")
    page.wait(f"{shown} === 'found unverified'")
    page.type("#filter-domain", "plain")
    page.key("Enter", 13, "\r")
    page.wait("!document.getElementById('list-note').hidden")
    assert "domain name" in page.text("#list-note")
    assert sum(r["action"] == "search" for r in office.audit()) == 1 and page.problems == []


def test_hostile_letters_are_only_text(page, office, world, agent):
    send(office, world, subject=MARKUP, name=MARKUP.replace("1", "3"), text=f"{MARKUP}\r\n<img src=http://evil.example/x.png>\r\n")
    send(office, world, subject="turned", name=TURNED, text="abc\r\n")
    send(office, world, subject="S" * 900, name="N" * 300, text="x" * 3000 + "\r\n")
    send(office, world, subject="files", attachments=[(f"{i} <b>.pdf", b"x") for i in range(100)])
    page.go(office.url + "/")
    page.wait("!document.getElementById('sign-in').hidden")
    sign_in(page, office, agent)
    images = page.js("document.images.length")
    open_ticket(page, "onerror=alert")
    assert MARKUP in page.text("#ticket h1") and "evil.example" in page.text(".message-body")
    open_ticket(page, "turned")
    assert not any("\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in page.js("document.body.textContent"))
    sender = "[...document.querySelectorAll('.message .from bdi')].map(b => b.textContent)"
    assert page.js(sender)[1] == "kim@customer.example"
    open_ticket(page, "SSSS")
    assert page.js("document.querySelector('.actions').getBoundingClientRect().top < 400")
    assert page.js("document.querySelector('.from').textContent.endsWith('<kim@customer.example>')")
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    open_ticket(page, "files")
    assert page.js("document.querySelectorAll('.attachments .file').length") == 100
    assert page.js("!document.querySelector('.attachments').open && !!document.querySelector('#reply-text')")
    assert page.js("document.images.length") == images and page.problems == []
    assert all(url.startswith((office.url + "/", "about:")) for url in page.requests)


def test_an_ended_session_keeps_the_answer_for_the_same_person(page, office, world, agent):
    send(office, world, subject="ended", text="abc\r\n")
    page.go(office.url + "/")
    page.wait("!document.getElementById('sign-in').hidden")
    sign_in(page, office, agent)
    open_ticket(page, "ended")
    page.type("#reply-text", "kept words")
    page.js("ask('DELETE', '/api/v1/session').then(() => true)")  # as another tab would
    page.press("Send answer")
    page.wait("!document.getElementById('sign-in').hidden")
    assert "session has ended" in page.text("#sign-in-note")
    sign_in(page, office, agent)
    page.wait("document.querySelector('#reply-text')")
    assert page.js("document.querySelector('#reply-text').value") == "kept words"
    page.js("ask('DELETE', '/api/v1/session').then(() => true)")
    page.press("Send answer")
    page.wait("!document.getElementById('sign-in').hidden")
    office.person("idle@desk.example", "Ida", "agent", [])
    sign_in(page, office, "idle@desk.example")
    page.wait("!document.getElementById('list-empty').hidden")
    assert "no queue" in page.text("#list-empty") and page.js("drafts.size") == 0
    assert page.problems == []


def test_on_a_phone(office, world, agent):
    send(office, world, subject="small " + "w" * 300, text="abc\r\n")
    window = browser.Browser(slow=desk.SLOW)
    try:
        window.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        window.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        window.go(office.url + "/")
        window.wait("!document.getElementById('sign-in').hidden")
        sign_in(window, office, agent)
        open_ticket(window, "small w")
        assert window.js("document.documentElement.scrollWidth <= 390")
        assert window.js("document.querySelector('.list-pane').offsetParent === null")
        window.press("← All tickets")
        window.wait("document.querySelector('.list-pane').offsetParent !== null")
        assert window.problems == []
    finally:
        window.close()
