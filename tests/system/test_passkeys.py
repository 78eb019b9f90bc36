"""Passkeys in a real browser with a virtual authenticator, on the real stack: signing in, enrolling, confirming, one's own account."""
import pytest

import browser
import desk
from desk import PASSWORD, letter, signed, totp

pytestmark = pytest.mark.skipif(not browser.PROGRAM, reason="chromium is not installed")


@pytest.fixture
def page(office):
    window = browser.Browser(slow=desk.SLOW)
    window.key_of_device = window.authenticator()
    yield window
    window.close()


def go(page, office, fragment=""):
    page.go("about:blank")
    page.go(f"{office.origin}/{fragment}")


def shown(page, screen):
    page.wait(f"!document.getElementById({screen!r}).hidden")


def by_password(page, office, address):
    page.type("#email", address)
    page.type("#password", PASSWORD)
    page.type("#totp", office.fresh_code(address))
    page.key("Enter", 13, "\r")


def first_passkey(page, office, address):
    """Signs in by password and code to a limited session, and adds the passkey that it asks for."""
    go(page, office)
    shown(page, "sign-in")
    by_password(page, office, address)
    shown(page, "limited")
    page.shoot("limited")
    page.type("#limited-code", office.fresh_code(address))
    page.press("Add a passkey")
    shown(page, "app")


def sign_out(page):
    page.press("Sign out")
    shown(page, "sign-in")


def by_passkey(page):
    page.press("Sign in with a passkey")
    shown(page, "app")


def credentials(page):
    return page.call("WebAuthn.getCredentials", authenticatorId=page.key_of_device)["credentials"]


def invite(office, ada, address, role="agent", queues=("support",)):
    answer = office.confirmed(ada, "POST", "/people", {"email": address, "name": "Toni", "role": role, "queues": list(queues)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_who_needs_a_passkey_is_limited_until_there_is_one(page, office):
    office.person("mel@desk.example", "Mel", "security", [])
    go(page, office)
    shown(page, "sign-in")
    page.shoot("sign-in")
    assert page.js("document.activeElement.id") == "passkey-sign-in"
    by_password(page, office, "mel@desk.example")
    shown(page, "limited")
    assert "needs a passkey" in page.text("#limited")
    assert page.js("fetch('/api/v1/tickets').then(a => a.json()).then(p => p.code)") == "passkey-required"
    page.type("#limited-code", "000000")
    page.press("Add a passkey")
    page.wait("document.querySelector('#limited .note:not([hidden])')")
    page.type("#limited-code", office.fresh_code("mel@desk.example"))
    page.press("Add a passkey")
    shown(page, "app")
    assert len(credentials(page)) == 1 and credentials(page)[0]["isResidentCredential"]
    sign_out(page)
    by_passkey(page)
    assert "Mel, security" in page.text("#who")
    assert page.js("fetch('/api/v1/session').then(a => a.json()).then(s => s.factor)") == "passkey"
    sign_out(page)
    by_password(page, office, "mel@desk.example")  # whoever has the password, and even the code, has not the passkey
    page.wait("document.querySelector('#sign-in-note').innerText.includes('passkey')")
    assert page.problems == []


def test_a_link_a_code_and_a_new_account(page, office):
    ada = office.whole("ada@desk.example")
    invited = invite(office, ada, "new@desk.example")
    asked = len(page.requests)
    go(page, office, f"#/enrol/{invited['link']}")
    shown(page, "enrol")
    page.shoot("enrol-code")
    assert not any("/api/" in url for url in page.requests[asked:])  # a link that is followed does nothing
    page.type("#enrol-code", "AAAA-AAAA")
    page.press("Continue")
    page.wait("document.querySelector('#enrol .note:not([hidden])')")
    page.type("#enrol-code", invited["code"])
    page.press("Continue")
    page.wait("document.querySelector('#enrol-password')")
    page.shoot("enrol-factors")
    assert "new@desk.example" in page.text("#enrol") and page.js("document.querySelector('.qr path + path').getAttribute('d').length > 1000")
    page.type("#enrol-password", PASSWORD)
    page.type("#enrol-again", PASSWORD + "x")
    page.press("Finish")
    page.wait("document.querySelector('#enrol').innerText.includes('not the same')")
    page.type("#enrol-again", PASSWORD)
    secret = page.text(".secret").replace(" ", "")
    page.type("#enrol-totp", totp(desk.base64.b32decode(secret + "=" * (-len(secret) % 8))))
    page.press("Create a passkey")
    page.wait("document.querySelector('#enrol .ready:not([hidden])')")
    page.press("Finish")
    page.wait("document.querySelector('.codes li')")
    page.shoot("enrol-codes")
    codes = page.js("[...document.querySelectorAll('.codes li')].map(l => l.innerText)")
    assert len(codes) >= 8 and len(set(codes)) == len(codes)
    page.press("I have kept them")
    shown(page, "sign-in")
    assert page.js("location.hash") == "" and codes[0] not in page.js("document.documentElement.innerHTML")
    by_passkey(page)
    assert "Toni, agent" in page.text("#who")
    sign_out(page)
    go(page, office, f"#/enrol/{invited['link']}")  # spent
    page.type("#enrol-code", invited["code"])
    page.press("Continue")
    page.wait("document.querySelector('#enrol .note:not([hidden])')")
    page.go("about:blank")
    go(page, office)
    shown(page, "sign-in")
    page.type("#email", "new@desk.example")
    page.type("#password", PASSWORD)
    page.type("#totp", codes[0])
    page.key("Enter", 13, "\r")
    shown(page, "app")
    assert page.problems == []


def test_without_user_verification_nobody_comes_in(office):
    window = browser.Browser(slow=desk.SLOW)
    try:
        window.key_of_device = window.authenticator()
        office.person("uv@desk.example", "Uma", "security", [])
        first_passkey(window, office, "uv@desk.example")
        sign_out(window)
        window.call("WebAuthn.setUserVerified", authenticatorId=window.key_of_device, isUserVerified=False)
        window.press("Sign in with a passkey")
        window.wait("!document.getElementById('sign-in-note').hidden", 15)
        assert "No passkey was used" in window.text("#sign-in-note") and window.js("document.getElementById('app').hidden")
    finally:
        window.close()


def confirm(page, choice="Confirm"):
    page.wait("document.querySelector('#gesture').open")
    page.press(choice, within="#gesture")
    page.wait("!document.querySelector('#gesture').open")


def test_ones_own_account(page, office):
    office.person("own@desk.example", "Oda", "agent", ["support"])
    go(page, office, "#/account")
    shown(page, "sign-in")
    by_password(page, office, "own@desk.example")
    page.wait("document.querySelector('#passkey-code')")
    page.type("#passkey-code", office.fresh_code("own@desk.example"))
    page.press("Add a passkey")
    page.wait("document.querySelectorAll('#account .things').length === 2")
    page.shoot("account")
    assert page.text("#account h1") == "Your account" and "with password and code" in page.text("#account")
    page.press("Make new codes")  # confirmed with the passkey
    page.wait("document.querySelector('#gesture').open")
    page.shoot("step-up")
    assert "Confirm with your passkey" in page.text("#gesture") and "new recovery codes" in page.text("#gesture")
    assert page.js("document.activeElement.textContent") == "Confirm"
    confirm(page)
    page.wait("document.querySelector('.codes li')")
    page.shoot("account-codes")
    page.call("Emulation.setEmulatedMedia", media="print")
    page.shoot("account-print")
    page.call("Emulation.setEmulatedMedia", media="")
    page.press("Remove")
    confirm(page, "Cancel")
    page.wait("document.querySelector('#account').innerText.includes('nothing was done')")
    page.press("Remove")
    confirm(page)
    page.wait("document.querySelector('#account').innerText.includes('You have none yet')")
    office.sign_in("own@desk.example", anew=True)  # somewhere else
    page.js("drawAccount()")
    page.wait("document.querySelectorAll('#account .things li').length === 2")
    page.press("End all others")
    page.wait("document.querySelectorAll('#account .things li').length === 1")
    page.type("#password-old", PASSWORD)
    page.type("#password-new", "another battery, another staple")
    page.type("#password-again", "another battery, another stapler")
    page.press("Change password")
    page.wait("document.querySelector('#account').innerText.includes('not the same')")
    page.type("#password-again", "another battery, another staple")
    page.press("Change password")
    page.wait("document.querySelector('#status').innerText.includes('was changed')")
    assert page.problems == []
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.shoot("account-phone")
    assert page.js("document.documentElement.scrollWidth <= 390")


def test_the_desk_says_where_passkeys_work(office):
    window = browser.Browser(slow=desk.SLOW)
    try:
        window.go(office.url + "/")
        window.wait("!document.getElementById('sign-in').hidden")
        assert office.origin in window.text("#passkey-none") and window.js("document.activeElement.id") == "email"
        window.shoot("sign-in-number")
        window.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        assert window.js("document.documentElement.scrollWidth <= 390")
        window.shoot("sign-in-phone")
    finally:
        window.close()


def test_emergency_access_is_shown_until_it_was_seen(page, office):
    office.person("duty@desk.example", "Dana", "supervisor", ["support"])
    session = office.sign_in("duty@desk.example")
    office.add_passkey(session)
    answer = office.confirmed(session, "POST", "/break-glass", {"queue": "billing", "reason": "fire in the billing office", "minutes": 5})
    assert answer.status_code == 201, answer.text
    office.person("see@desk.example", "Sia", "security", [])
    first_passkey(page, office, "see@desk.example")
    page.wait("!document.getElementById('alarms').hidden")
    page.shoot("alarm")
    assert "emergency" in page.text("#alarms") and "Dana" in page.text("#alarms") and "fire in the billing office" in page.text("#alarms")
    page.js("[...document.querySelectorAll('#alarms li')].find(l => l.innerText.includes('emergency')).querySelector('button').focus()")
    page.key("Enter", 13, "\r")
    page.wait("!document.getElementById('alarms').innerText.includes('emergency')")
    page.js("loadAlarms().then(() => true)")
    assert "emergency" not in page.text("#alarms") and page.problems == []


def test_two_people_destroy_a_ticket(page, office, world):
    code, text = office.send(signed(world, letter(subject="to be destroyed"), "customer.example"))
    assert code == 250, text
    for address, name in (("pat@desk.example", "Pat"), ("quin@desk.example", "Quin")):
        office.person(address, name, "supervisor", ["support"])
    other = office.sign_in("quin@desk.example")
    office.add_passkey(other)
    ticket = office.ticket_with(other, "to be destroyed")
    go(page, office, "#/account")
    shown(page, "sign-in")
    by_password(page, office, "pat@desk.example")
    page.wait("document.querySelector('#passkey-code')")
    page.type("#passkey-code", office.fresh_code("pat@desk.example"))
    page.press("Add a passkey")
    page.wait("document.querySelectorAll('#account .things').length === 2")
    page.js(f"location.hash = '#/t/{ticket['id']}'")
    page.wait("document.querySelector('.actions .danger')")
    page.shoot("ticket")
    page.press("Category: Normal")
    page.wait("document.querySelector('#approval').open")
    page.js("document.querySelector('#category').value = 'confidential'")
    page.shoot("category")
    page.press("Save", within="#approval")
    page.wait("document.querySelector('.actions').innerText.includes('Category: Confidential')")
    page.press("Destroy for good")
    page.wait("document.querySelector('#approval').open")
    page.type("#approval-reason", "the customer asked for it")
    page.shoot("approval")
    page.press("Ask for approval", within="#approval")
    page.wait("document.querySelector('#ticket-note').innerText.includes('Approval was asked for')")
    page.press("Destroy for good")  # one cannot approve it oneself
    page.wait("document.querySelector('#approval').open")
    page.press("Cancel", within="#approval")
    page.wait("document.querySelector('#ticket-note').innerText.includes('Nothing was done')")  # until then the button is at work
    asked = office.get(other, "/requests").json()["items"]
    assert [r["reason"] for r in asked] == ["the customer asked for it"]
    assert office.confirmed(other, "POST", f"/requests/{asked[0]['id']}/approve").status_code == 200
    page.press("Destroy for good")
    page.wait("document.querySelector('#gesture').open")
    page.shoot("destroy")
    assert f"estroy ticket #{ticket['number']}" in page.text("#gesture")
    confirm(page)
    page.wait("location.hash === '#/' && !document.querySelector('#list').innerText.includes('to be destroyed')")
    assert office.get(other, f"/tickets/{ticket['id']}").status_code == 404

    code, text = office.send(signed(world, letter(subject="the other way"), "customer.example"))
    ticket = office.ticket_with(other, "the other way")
    made = office.post(other, "/requests", {"act": "purge", "object": ticket["id"], "reason": "sent to us by mistake"})
    assert made.status_code == 201, made.text
    page.js("loadRequests().then(() => { location.hash = '#/requests'; })")
    page.wait("document.querySelector('#account').innerText.includes('sent to us by mistake')")
    page.shoot("approvals")
    assert "Quin asks to destroy mail for good" in page.text("#account") and page.text("#to-requests") == "Approvals (1)"
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    assert page.js("document.documentElement.scrollWidth <= 390")
    page.shoot("approvals-phone")
    page.call("Emulation.clearDeviceMetricsOverride")
    page.press("Approve", within="#account")
    confirm(page)
    page.wait("document.querySelector('#status').innerText === 'Approved.'")
    assert office.confirmed(other, "DELETE", f"/tickets/{ticket['id']}").status_code == 204
    assert page.problems == []
