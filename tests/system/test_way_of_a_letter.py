"""The main path: mail comes in, an agent reads and answers it, the answer goes out, the log says so."""
import email
import json
import time

import dkim
import requests

import desk
from desk import letter, signed, wait_for


def genuine(world, **kwargs):
    return signed(world, letter(**kwargs), "customer.example")


def test_genuine_mail_becomes_a_ticket_with_its_trust_line(office, world):
    assert office.send(genuine(world, subject="genuine one"))[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "genuine one")
    assert ticket["queue"] == "support" and ticket["state"] == "open" and ticket["messages"] == 1
    assert ticket["from"] == {"name": "", "address": "kim@customer.example"} or ticket["from"]["address"] == "kim@customer.example"
    assert ticket["trust"]["level"] == "verified" and ticket["trust"]["domain"] == "customer.example"
    whole = office.get(alice, f"/tickets/{ticket['id']}")
    assert whole.headers["ETag"].strip('"') == str(whole.json()["revision"])
    assert whole.headers["Cache-Control"] == "no-store"
    message = office.get(alice, f"/messages/{whole.json()['messages'][0]['id']}").json()
    assert "Order 4711 is late." in message["text"] and message["html"] is None
    checks = message["trust"]["checks"]
    assert checks["spf"]["result"] == "pass" and checks["dkim"][0]["result"] == "pass" and checks["dmarc"]["result"] == "pass"
    source = office.get(alice, f"/messages/{message['id']}/source")
    assert source.headers["Content-Type"].startswith("message/rfc822")
    parsed = email.message_from_bytes(source.content)
    assert parsed["Authentication-Results"].startswith("mail.desk.example") and "dkim=pass" in parsed["Authentication-Results"]
    assert parsed["Received"]


def test_forged_mail_is_refused(office):
    code, text = office.send(letter(sender="ceo@forged.example", subject="forged"), sender="ceo@forged.example")
    assert code == 550 and text.startswith(b"5.7.")


def test_own_domain_from_outside_is_refused(office):
    code, text = office.send(letter(sender="boss@desk.example", subject="own"), sender="boss@desk.example")
    assert code == 550 and text.startswith(b"5.7.")


def test_dmarc_failure_alone_goes_to_review(office):
    assert office.send(letter(sender="a@dmarcfail.example", subject="only dmarc"), sender="a@dmarcfail.example")[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "only dmarc")
    assert ticket["state"] == "review" and ticket["trust"]["level"] == "failed"
    assert office.reply(alice, ticket["id"], "hello").status_code == 409


def test_lookalike_is_flagged(office, world):
    world_line = 'desk-support.example. 3600 IN TXT "v=spf1 ip4:127.0.0.1 -all"'
    assert world_line  # the name has no records: it is judged by its looks
    assert office.send(letter(sender="help@desk-support.example", subject="looks like us"), sender="help@desk-support.example")[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "looks like us")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    message = office.get(alice, f"/messages/{first['id']}").json()
    assert "lookalike-own" in [s["id"] for s in message["trust"]["signals"]]


def test_forged_authentication_results_are_removed(office, world):
    forged = letter(sender="x@plain.example", subject="forged results", headers=[
        ("Authentication-Results", "mail.desk.example; dmarc=pass header.from=plain.example")])
    assert office.send(forged, sender="x@plain.example")[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "forged results")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    source = office.get(alice, f"/messages/{first['id']}/source").content
    results = email.message_from_bytes(source).get_all("Authentication-Results")
    assert len(results) == 1 and "dmarc=pass" not in results[0]


def test_attachments_are_listed_and_not_opened(office, world):
    mail = genuine(world, subject="with file", attachments=[("invoice.pdf", b"%PDF-1.4 nothing")])
    assert office.send(mail)[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "with file")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    assert first["attachments"] == 1 or len(first["attachments"]) == 1
    message = office.get(alice, f"/messages/{first['id']}").json()
    [attachment] = message["attachments"]
    assert attachment["name"] == "invoice.pdf" and attachment["state"] == "unscanned" and attachment["size"] == 16
    refused = office.get(alice, f"/messages/{first['id']}/source")
    assert refused.status_code == 409 and refused.json()["code"] == "unscanned"


def test_another_queue_sees_nothing(office, world):
    assert office.send(genuine(world, subject="for support only"))[0] == 250
    alice, bob = (office.sign_in(f"{n}@desk.example") for n in ("alice", "bob"))
    sam = office.whole("sam@desk.example")
    ticket = office.ticket_with(alice, "for support only")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    missing = office.get(bob, "/tickets/" + "0" * 32)
    for session in (bob, sam):
        for path in (f"/tickets/{ticket['id']}", f"/messages/{first['id']}", f"/messages/{first['id']}/source",
                     f"/tickets/{ticket['id']}/timeline"):
            answer = office.get(session, path)
            assert answer.status_code == 404
            assert answer.json() == missing.json()
        assert ticket["id"] not in [t["id"] for t in office.tickets(session)]
        assert office.get(session, "/tickets", params={"queue": "support"}).json()["items"] == []
    assert office.reply(bob, ticket["id"], "mine now").status_code == 404
    refused = [r for r in office.audit() if r["outcome"] == "refused" and r["actor"].get("name") == "Bob"]
    assert refused


def test_answer_leaves_signed_and_encrypted_and_the_next_mail_threads(office, world):
    sink = desk.Sink(office.mx_port, world)
    try:
        assert office.send(genuine(world, subject="please answer"))[0] == 250
        alice = office.sign_in("alice@desk.example")
        ticket = office.ticket_with(alice, "please answer")
        headers = {"Idempotency-Key": "k-1"}
        answer = office.reply(alice, ticket["id"], "It is on its way.\n.\nGruß", headers=headers)
        assert answer.status_code == 202 and answer.json()["delivery"]["state"] in ("queued", "sent")
        again = office.reply(alice, ticket["id"], "It is on its way.\n.\nGruß", headers=headers)
        assert again.status_code == 202 and again.json()["id"] == answer.json()["id"]
        [out] = wait_for(lambda: list(sink.messages), 15, "delivery")
        assert out["tls"] and out["to"] == ["kim@customer.example"]
        published = {line.split(" ")[0]: "".join(line.split('"')[1::2]) for line in office.published if " TXT " in line}
        count = out["bytes"].lower().count(b"dkim-signature:")
        assert count == 2  # RSA and Ed25519
        verifier = dkim.DKIM(out["bytes"])
        assert all(verifier.verify(i, dnsfunc=lambda name, timeout=5: published[name.decode()].encode()) for i in range(count))
        sent = email.message_from_bytes(out["bytes"])
        assert sent["From"].endswith("<support@desk.example>") or sent["From"] == "support@desk.example"
        assert sent["Subject"] == "Re: please answer"
        assert sent["Reply-To"].startswith("support+")
        assert "Gruß" in sent.get_payload(decode=True).decode()
        wait_for(lambda: office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][-1]["delivery"]["state"] == "sent")
        assert len(sink.messages) == 1

        # The customer answers: by reference, and to the plus address.
        for to, extra in ((sent["Reply-To"], []), ("support@desk.example", [("In-Reply-To", sent["Message-ID"])])):
            mail = letter(subject="Re: please answer", to=to, headers=extra, text="Thank you.\r\n")
            assert office.send(signed(world, mail, "customer.example"), to=(to,))[0] == 250
        wait_for(lambda: office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][3:], 10, "both answers on the ticket")
        assert office.get(alice, f"/tickets/{ticket['id']}").json()["state"] == "open"

        # A stranger who knows the Message-ID, and somebody who guesses a number, get tickets of their own.
        stranger = letter(sender="eve@plain.example", subject="Re: please answer", headers=[("In-Reply-To", sent["Message-ID"])])
        assert office.send(stranger, sender="eve@plain.example")[0] == 250
        number = letter(sender="eve@plain.example", subject=f"Re: [#{ticket['number']}] guessed")
        assert office.send(number, sender="eve@plain.example")[0] == 250
        office.ticket_with(alice, f"Re: [#{ticket['number']}] guessed")
        time.sleep(0.5)
        assert len(office.get(alice, f"/tickets/{ticket['id']}").json()["messages"]) == 4

        first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]
        assert office.get(alice, f"/messages/{first}").status_code == 200
        kinds = [e["kind"] for e in office.get(alice, f"/tickets/{ticket['id']}/timeline").json()["items"]]
        assert {"received", "opened", "queued", "sent"} <= set(kinds)
    finally:
        sink.close()


def test_refused_recipient_shows_as_failed_and_nobody_gets_a_bounce(office, world):
    sink = desk.Sink(office.mx_port, world)
    sink.refuse["kim@customer.example"] = "550 5.1.1 no such user here"
    try:
        assert office.send(genuine(world, subject="will fail"))[0] == 250
        alice = office.sign_in("alice@desk.example")
        ticket = office.ticket_with(alice, "will fail")
        assert office.reply(alice, ticket["id"], "hello").status_code == 202
        wait_for(lambda: office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][-1]["delivery"]["state"] == "failed", 15)
        assert sink.messages == []
        events = office.get(alice, f"/tickets/{ticket['id']}/timeline").json()["items"]
        assert any(e["kind"] == "failed" for e in events)
    finally:
        sink.close()


def test_receiver_that_is_away_defers_and_then_gets_it_once(office, world):
    assert office.send(genuine(world, subject="later please"))[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "later please")
    assert office.reply(alice, ticket["id"], "hello").status_code == 202
    def state():
        return office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][-1]["delivery"]["state"]
    wait_for(lambda: state() == "deferred", 15)
    sink = desk.Sink(office.mx_port, world)
    try:
        wait_for(lambda: state() == "sent", 20)
        assert len(sink.messages) == 1
    finally:
        sink.close()


def test_two_queues_get_two_tickets(office, world):
    both = ("support@desk.example", "billing@desk.example")
    assert office.send(genuine(world, subject="to both", to=", ".join(both)), to=both)[0] == 250
    alice, bob = office.sign_in("alice@desk.example"), office.sign_in("bob@desk.example")
    assert office.ticket_with(alice, "to both")["id"] != office.ticket_with(bob, "to both")["id"]


def test_changes_need_the_present_revision(office, world):
    assert office.send(genuine(world, subject="to change"))[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "to change")
    url = f"{office.url}/api/v1/tickets/{ticket['id']}"
    stale = alice.patch(url, json={"state": "closed"}, headers={"If-Match": '"999"'}, timeout=10)
    assert stale.status_code == 412
    done = alice.patch(url, json={"state": "closed", "assignee": "alice@desk.example"}, headers={"If-Match": f'"{ticket["revision"]}"'}, timeout=10)
    assert done.status_code == 200 and done.json()["state"] == "closed" and done.json()["assignee"]
    moved = alice.patch(url, json={"queue": "billing"}, headers={"If-Match": f'"{done.json()["revision"]}"'}, timeout=10)
    assert moved.status_code in (200, 404)  # Alice has no right on the other queue: she may not move it there
    assert moved.status_code == 404


def test_api_refuses_what_it_must(office):
    alice = office.sign_in("alice@desk.example")
    url = office.url + "/api/v1/session"
    spent = desk.totp(office.secrets["alice@desk.example"], office.spent["alice@desk.example"] * 30)
    assert office.sign_in("alice@desk.example", code=spent).status_code == 401  # a code counts once
    wrong = [{"email": "alice@desk.example", "password": "x" * 20, "totp": "000000"},
             {"email": "nobody@desk.example", "password": desk.PASSWORD, "totp": "000000"}]
    answers = [requests.post(url, json=body, timeout=30) for body in wrong]
    assert [a.status_code for a in answers] == [401, 401]
    assert len({json.dumps(a.json(), sort_keys=True) for a in answers}) == 1 and answers[0].json()["code"] == "sign-in-failed"
    throttled = requests.post(url, json=wrong[1], timeout=30)  # the fourth failure from this address
    assert throttled.status_code == 429 and int(throttled.headers["Retry-After"]) > 0
    assert requests.get(office.url + "/api/v1/tickets", timeout=10).status_code == 401
    no_csrf = requests.delete(url, cookies=alice.cookies, timeout=10)
    assert no_csrf.status_code == 403
    assert office.get(alice, "/tickets").status_code == 200
    assert alice.delete(url, timeout=10).status_code in (200, 204)
    assert office.get(alice, "/tickets").status_code == 401



def test_log_tells_who_opened_what_and_verifies(office):
    records = office.audit()
    assert [r["seq"] for r in records] == list(range(records[0]["seq"], records[0]["seq"] + len(records)))
    opened = [r for r in records if r["action"] == "open" and r["outcome"] == "granted"]
    assert opened and all(r["actor"]["kind"] in ("person", "warrant") and r["object"]["id"] for r in opened)
    assert {"sign-in", "open"} <= {r["action"] for r in records}
    verified = office.cli("audit", "verify", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["size"] >= len(records)


def test_status_names_what_confines_each_role(office):
    status = office.status()
    assert status["ready"] and status["intake_waiting"] == 0
    assert {r["name"] for r in status["roles"]} == {"edge", "dns", "inspect", "keeper", "clerk", "courier", "desk", "render"}
    for role in status["roles"]:
        assert role["sandbox"]["seccomp"] and role["sandbox"]["landlock_abi"] >= 1 and role["restarts"] == 0
