"""What each trust level may do, by the real doors: the reply path, the bounce path, the forward, the automatic answer."""
import email
import sqlite3

import pytest

import desk
from desk import letter, signed, wait_for

CUSTOMER = "kim@customer.example"


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    world = desk.World(tmp_path_factory.mktemp("world"))
    world.domain("partner.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=none")
    world.domain("nonefail.example", spf="v=spf1 ~all", dmarc="v=DMARC1; p=none")
    world.domain("bigcustomer.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    world.domain("bigcustorner.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    world.domain("firstbank.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    world.domain("firsthank.example", spf="v=spf1 ip4:127.0.0.1 -all", dmarc="v=DMARC1; p=reject")
    office = desk.Office(tmp_path_factory.mktemp("gated") / "d", world)
    office.start()
    office.sink = desk.Sink(office.mx_port, world)
    yield office
    office.sink.close()
    assert office.stop() == 0


def conversation(office, subject):
    """A ticket of the verified customer with one answer of ours: the ticket, and our answer as the customer got it."""
    assert office.send(signed(office.world, letter(subject=subject), "customer.example"))[0] == 250
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, subject)
    assert office.reply(alice, ticket["id"], "We look into it.").status_code == 202
    out = wait_for(lambda: next((m for m in office.sink.messages if subject.encode() in m["bytes"]), None), 15, "delivery")
    return alice, ticket, email.message_from_bytes(out["bytes"])


def messages(office, alice, ticket):
    return office.get(alice, f"/tickets/{ticket['id']}").json()["messages"]


def state(office, alice, ticket):
    return office.get(alice, f"/tickets/{ticket['id']}").json()["state"]


def close(office, alice, ticket):
    path = f"{office.url}/api/v1/tickets/{ticket['id']}"
    def closed():
        revision = alice.get(path, timeout=30).headers["ETag"]
        return alice.patch(path, json={"state": "closed"}, headers={"If-Match": revision}, timeout=30).status_code == 200
    wait_for(closed, 10, "closed")


def claims_to_be_customer(subject, **kwargs):
    """The customer's address, without the customer's signature and from nowhere SPF allows."""
    return letter(subject=subject, **kwargs)


def test_the_customer_answers_and_the_ticket_reopens(gated):
    alice, ticket, ours = conversation(gated, "gate: reopen")
    close(gated, alice, ticket)
    mail = letter(subject="Re: gate: reopen", to=ours["Reply-To"], text="Still broken.\r\n")
    assert gated.send(signed(gated.world, mail, "customer.example"), to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    assert state(gated, alice, ticket) == "open"
    newest = messages(gated, alice, ticket)[-1]
    assert newest["as_customer"] is True and newest["trust"]["level"] == "verified"


def test_an_automatic_answer_does_not_reopen(gated):
    alice, ticket, ours = conversation(gated, "gate: away")
    close(gated, alice, ticket)
    mail = letter(subject="Away: gate: away", to=ours["Reply-To"], headers=[("Auto-Submitted", "auto-replied")])
    assert gated.send(signed(gated.world, mail, "customer.example"), to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    assert state(gated, alice, ticket) == "closed"


def test_a_bounce_does_not_reopen_and_is_nobodys_word(gated):
    alice, ticket, ours = conversation(gated, "gate: bounce")
    close(gated, alice, ticket)
    mail = letter(sender="MAILER-DAEMON@plain.example", subject="Undelivered Mail", to=ours["Reply-To"],
                  headers=[("In-Reply-To", ours["Message-ID"]), ("Auto-Submitted", "auto-replied")])
    assert gated.send(mail, sender="", to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    assert state(gated, alice, ticket) == "closed"
    newest = messages(gated, alice, ticket)[-1]
    assert newest["as_customer"] is False and "stranger" in [s["id"] for s in newest["trust"]["signals"]]


def test_a_forged_bounce_without_the_token_joins_nothing(gated):
    alice, ticket, ours = conversation(gated, "gate: forged bounce")
    mail = letter(sender="MAILER-DAEMON@plain.example", subject="Undelivered: forged", headers=[("In-Reply-To", ours["Message-ID"])])
    assert gated.send(mail, sender="")[0] == 250
    gated.ticket_with(alice, "Undelivered: forged")
    assert len(messages(gated, alice, ticket)) == 2


def test_a_forward_does_not_make_its_reader_the_customer(gated):
    alice, ticket, ours = conversation(gated, "gate: forwarded")
    mail = letter(sender="colleague@partner.example", subject="Fwd: gate: forwarded", to=ours["Reply-To"], text="I take over.\r\n",
                  headers=[("In-Reply-To", ours["Message-ID"]), ("Reply-To", "elsewhere@plain.example")])
    assert gated.send(signed(gated.world, mail, "partner.example"), sender="colleague@partner.example",
                      to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    newest = messages(gated, alice, ticket)[-1]
    assert newest["as_customer"] is False and "stranger" in [s["id"] for s in newest["trust"]["signals"]]
    whole = gated.get(alice, f"/tickets/{ticket['id']}").json()
    assert whole["reply_to"]["address"] == CUSTOMER and whole["reply_to"]["reason"]
    assert gated.reply(alice, ticket["id"], "An answer after the forward.").status_code == 202
    def answer():
        return next((m for m in gated.sink.messages if b"An answer after the forward." in m["bytes"]), None)
    assert wait_for(answer, 15, "delivery")["to"] == [CUSTOMER]


def test_who_claims_to_be_the_customer_is_not(gated):
    """A reference to our Message-ID and the customer's address, but neither signature nor SPF: a ticket of its own, in Review."""
    alice, ticket, ours = conversation(gated, "gate: claim")
    mail = claims_to_be_customer("Re: gate: claim", headers=[("In-Reply-To", ours["Message-ID"]), ("X-Fake", "1")],
                                 text="Please change my address.\r\n")
    assert gated.send(mail, sender="mallory@dmarcfail.example")[0] == 250
    review = wait_for(lambda: next((t for t in gated.tickets(alice, state="review", limit=100)
                                    if t["subject"] == "Re: gate: claim"), None))
    assert review["trust"]["level"] == "failed" and review["id"] != ticket["id"]
    assert len(messages(gated, alice, ticket)) == 2
    assert gated.reply(alice, review["id"], "no").status_code == 409


def test_review_opens_no_gate_even_with_the_token(gated):
    alice, ticket, ours = conversation(gated, "gate: review token")
    close(gated, alice, ticket)
    mail = letter(sender="a@dmarcfail.example", subject="with a stolen token", to=ours["Reply-To"])
    assert gated.send(mail, sender="a@dmarcfail.example", to=(ours["Reply-To"],))[0] == 250
    review = wait_for(lambda: next((t for t in gated.tickets(alice, state="review", limit=100)
                                    if t["subject"] == "with a stolen token"), None))
    assert review["id"] != ticket["id"] and len(messages(gated, alice, ticket)) == 2
    assert state(gated, alice, ticket) == "closed"


def test_failed_without_a_policy_opens_in_review(gated):
    assert gated.send(letter(sender="a@nonefail.example", subject="p=none fails"), sender="a@nonefail.example")[0] == 250
    alice = gated.sign_in("alice@desk.example")
    ticket = gated.ticket_with(alice, "p=none fails")
    assert ticket["state"] == "review" and ticket["trust"]["level"] == "failed"


def test_people_in_cc_come_in_with_the_verified_customer_only(gated):
    alice, ticket, ours = conversation(gated, "gate: people")
    mail = letter(subject="Re: gate: people", to=ours["Reply-To"], headers=[("Cc", "helper@partner.example")])
    assert gated.send(signed(gated.world, mail, "customer.example"), to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    helper = letter(sender="helper@partner.example", subject="Re: gate: people",
                    headers=[("In-Reply-To", ours["Message-ID"])])
    assert gated.send(signed(gated.world, helper, "partner.example"), sender="helper@partner.example")[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 4)
    other = letter(sender="nobody@partner.example", subject="Re: gate: people, uninvited",
                   headers=[("In-Reply-To", ours["Message-ID"])])
    assert gated.send(signed(gated.world, other, "partner.example"), sender="nobody@partner.example")[0] == 250
    gated.ticket_with(alice, "Re: gate: people, uninvited")
    assert len(messages(gated, alice, ticket)) == 4


def trust_of(office, alice, subject):
    ticket = office.ticket_with(alice, subject)
    return ticket, messages(office, alice, ticket)[0]["trust"]


def ids(trust):
    return [s["id"] for s in trust["signals"]]


def test_first_contact_then_known_since(gated):
    alice = gated.sign_in("alice@desk.example")
    for i in range(3):
        mail = letter(sender="new@partner.example", subject=f"known {i}")
        assert gated.send(signed(gated.world, mail, "partner.example"), sender="new@partner.example")[0] == 250
        _, trust = trust_of(gated, alice, f"known {i}")
        assert ("first-contact" in ids(trust)) == (i == 0)
        assert trust["known"]["messages"] == i
        assert trust["level"] == "verified" and trust["domain"] == "partner.example"


def test_verified_before_and_not_now(gated):
    """A domain without a policy: the forger's letter fails nothing, but the address has been verified before."""
    alice = gated.sign_in("alice@desk.example")
    world = gated.world
    mail = letter(sender="pat@plain.example", subject="signed as always")
    assert gated.send(signed(world, mail, "plain.example"), sender="pat@plain.example")[0] == 250
    _, trust = trust_of(gated, alice, "signed as always")
    assert trust["level"] == "verified"
    assert gated.send(letter(sender="pat@plain.example", subject="unsigned today"), sender="pat@plain.example")[0] == 250
    ticket, trust = trust_of(gated, alice, "unsigned today")
    assert trust["level"] == "unverified" and "unverified-now" in ids(trust)


def test_a_lookalike_of_a_correspondent(gated):
    alice = gated.sign_in("alice@desk.example")
    mail = letter(sender="buyer@bigcustomer.example", subject="real customer")
    assert gated.send(signed(gated.world, mail, "bigcustomer.example"), sender="buyer@bigcustomer.example")[0] == 250
    gated.ticket_with(alice, "real customer")
    mail = letter(sender="buyer@bigcustorner.example", subject="rn for m")
    assert gated.send(signed(gated.world, mail, "bigcustorner.example"), sender="buyer@bigcustorner.example")[0] == 250
    _, trust = trust_of(gated, alice, "rn for m")
    assert trust["level"] == "verified" and "lookalike-known" in ids(trust)
    message = messages(gated, alice, gated.ticket_with(alice, "rn for m"))[0]
    assert message["disposition"] == "flag"


def test_a_known_name_from_a_new_address(gated):
    alice = gated.sign_in("alice@desk.example")
    mail = letter(sender="robin@partner.example", subject="robin writes", name="Robin Roundabout")
    assert gated.send(signed(gated.world, mail, "partner.example"), sender="robin@partner.example")[0] == 250
    gated.ticket_with(alice, "robin writes")
    mail = letter(sender="r.roundabout@plain.example", subject="robin's new address", name="ROUNDABOUT, Robin")
    assert gated.send(mail, sender="r.roundabout@plain.example")[0] == 250
    _, trust = trust_of(gated, alice, "robin's new address")
    assert {"known-name", "first-contact"} <= set(ids(trust))


def test_who_wrote_first_does_not_make_an_imitation_of_the_other(gated):
    """The imitation came first: the genuine correspondent is warned of, not held, and can be answered."""
    alice, world = gated.sign_in("alice@desk.example"), gated.world
    for sender, subject in (("ann@firstbank.example", "the imitation"), ("ann@firsthank.example", "the genuine one")):
        mail = letter(sender=sender, subject=subject, name="Ann Able")
        assert gated.send(signed(world, mail, sender.split("@")[1]), sender=sender)[0] == 250
        gated.ticket_with(alice, subject)
    ticket, trust = trust_of(gated, alice, "the genuine one")
    assert ticket["state"] == "open" and {"lookalike-known", "known-name"} <= set(ids(trust))
    assert messages(gated, alice, ticket)[0]["disposition"] == "flag"
    assert gated.reply(alice, ticket["id"], "Hello.").status_code == 202


def test_a_stranger_who_is_named_in_a_forged_request_is_refused_in_words(gated):
    """Whoever alters the store so that the answer would go to a stranger is stopped by the keeper; the agent reads why."""
    alice, ticket, ours = conversation(gated, "gate: store says so")
    mail = letter(sender="mallory@partner.example", subject="Re: gate: store says so", to=ours["Reply-To"])
    assert gated.send(signed(gated.world, mail, "partner.example"), sender="mallory@partner.example",
                      to=(ours["Reply-To"],))[0] == 250
    wait_for(lambda: len(messages(gated, alice, ticket)) == 3)
    stranger = messages(gated, alice, ticket)[-1]["id"]
    with sqlite3.connect(gated.folder / "store" / "store.db", timeout=20) as db:
        assert db.execute("update message_trust set as_customer = 1, signals = 0, known = 99 where object = ?",
                          (bytes.fromhex(stranger),)).rowcount == 1
        db.commit()
    refused = gated.reply(alice, ticket["id"], "For the customer only.")
    assert refused.status_code in (409, 422, 403), refused.text
    assert "part" in refused.json()["detail"], refused.text
    assert not [m for m in gated.sink.messages if b"For the customer only." in m["bytes"]]


def test_who_sees_no_ticket_searches_no_domain(gated):
    sam = gated.whole("sam@desk.example")
    answer = gated.get(sam, "/tickets", params={"domain": "partner.example"})
    assert answer.status_code in (200, 403, 404) and not answer.json().get("items")
    refused = [r for r in gated.audit() if r["action"] == "search" and r["outcome"] == "refused"]
    assert refused and "partner.example" not in str(refused)


def test_lists_are_searched_by_level_signal_and_domain(gated):
    alice = gated.sign_in("alice@desk.example")
    mail = letter(sender="find@partner.example", subject="find me")
    assert gated.send(signed(gated.world, mail, "partner.example"), sender="find@partner.example")[0] == 250
    gated.ticket_with(alice, "find me")
    def subjects(**params):
        return [t["subject"] for t in gated.tickets(alice, limit=100, **params)]
    assert "find me" in subjects(trust="verified") and "find me" not in subjects(trust="failed")
    assert "find me" in subjects(domain="partner.example") and "find me" not in subjects(domain="customer.example")
    assert "find me" in subjects(domain="Partner.Example")
    assert "find me" in subjects(signal="first-contact") and "find me" not in subjects(signal="lookalike-own")
    for wrong in ({"trust": "great"}, {"signal": "nonsense"}, {"domain": "not a domain"}):
        assert gated.get(alice, "/tickets", params=wrong).status_code in (400, 422)
    searched = [r for r in gated.audit() if r["action"] == "search"]
    assert searched and searched[-1]["actor"]["name"] == "Alice"


def test_the_gates_table_can_be_changed(tmp_path):
    world = desk.World(tmp_path)
    office = desk.Office(tmp_path / "d", world, options=["gates.open=verified", "gates.review=verified, unverified"])
    office.start()
    try:
        alice = office.sign_in("alice@desk.example")
        assert office.send(letter(sender="a@plain.example", subject="only to review"), sender="a@plain.example")[0] == 250
        assert office.ticket_with(alice, "only to review")["state"] == "review"
        assert office.send(letter(sender="a@dmarcfail.example", subject="not even that"), sender="a@dmarcfail.example")[0] == 250
        wait_for(lambda: any(r["action"] == "received" and r["reason"].startswith("quarantine") for r in office.audit()))
        assert "not even that" not in [t["subject"] for t in office.tickets(alice, limit=100)]
        assert office.send(signed(world, letter(subject="straight in"), "customer.example"))[0] == 250
        assert office.ticket_with(alice, "straight in")["state"] == "open"
    finally:
        assert office.stop() == 0


def test_a_wrong_gate_is_said_before_anything_starts(tmp_path):
    world = desk.World(tmp_path)
    office = desk.Office(tmp_path / "d", world)
    checked = office.cli("check", "-o", "gates.customer=everybody")
    assert checked.returncode == 78 and "gates.customer" in checked.stderr + checked.stdout
    assert "everybody" in checked.stderr + checked.stdout
