"""The API as scripts see it: paging, races, what a refused change leaves behind, and histories in words."""
import concurrent.futures

import pytest
import requests

from desk import letter, signed


def send(office, world, subject, **more):
    code, text = office.send(signed(world, letter(subject=subject, **more), "customer.example"))
    assert code == 250, text


def twin(session):
    """The same person in a second tab."""
    other = requests.Session()
    other.cookies.update(session.cookies)
    other.headers.update(session.headers)
    return other


@pytest.fixture(scope="module")
def alice(office):
    return office.sign_in("alice@desk.example")


def change(office, session, ticket, body, etag="*"):
    return session.patch(f"{office.url}/api/v1/tickets/{ticket}", json=body, headers={"If-Match": etag}, timeout=30)


def etag(office, session, ticket):
    return office.get(session, f"/tickets/{ticket}").headers["ETag"]


def test_pages_name_every_ticket_once(office, world, alice):
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda i: send(office, world, f"page {i}"), range(120)))
    office.ticket_with(alice, "page 119")
    seen, cursor = [], None
    while True:
        page = office.get(alice, "/tickets", params={"limit": 37, **({"cursor": cursor} if cursor else {})}).json()
        seen += [t["subject"] for t in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(s for s in seen if s.startswith("page ")) == sorted(f"page {i}" for i in range(120))
    assert len(office.tickets(alice)) == 50
    for limit in ("0", "101", "-1", "x", ""):
        assert office.get(alice, "/tickets", params={"limit": limit}).status_code == 422


def test_of_changes_at_one_revision_one_wins_and_the_keeper_agrees(office, world, alice):
    """A loser must not leave its state with the keeper: answers to an open ticket would be refused, of a spam one taken."""
    for turn in range(6):
        send(office, world, f"race {turn}")
        ticket = office.ticket_with(alice, f"race {turn}")["id"]
        at = etag(office, alice, ticket)
        states = ["spam", "closed", "spam", "pending"] * 2
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            codes = list(crowd.map(lambda s: change(office, twin(alice), ticket, {"state": s}, at).status_code, states))
        assert sorted(codes) == [200] + [412] * 7
        state = states[codes.index(200)]
        assert office.get(alice, f"/tickets/{ticket}").json()["state"] == state
        moves = [r for r in office.audit() if r["ticket"] == ticket and r["action"] == "change-state"]
        assert [r["reason"] for r in moves if r["outcome"] == "granted"] == [state]


def test_a_change_that_is_refused_in_part_changes_nothing(office, world, alice):
    send(office, world, "in part")
    ticket = office.ticket_with(alice, "in part")["id"]
    assert change(office, alice, ticket, {"state": "spam", "queue": "billing"}).status_code == 404
    assert office.get(alice, f"/tickets/{ticket}").json()["state"] == "open"
    answer = office.reply(alice, ticket, "Still to be answered.")
    assert answer.status_code == 202, answer.text


def test_one_key_is_one_answer(office, world, alice):
    send(office, world, "once")
    ticket = office.ticket_with(alice, "once")["id"]
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: office.reply(twin(alice), ticket, "Hello.", headers={"Idempotency-Key": "k-1"}), range(8)))
    assert {a.status_code for a in answers} == {202} and len({a.text for a in answers}) == 1
    assert len(office.get(alice, f"/tickets/{ticket}").json()["messages"]) == 2


def test_lists_are_filtered_by_sender_and_pages_go_on(office, world, alice):
    for i in range(5):
        send(office, world, f"from them {i}")
    for i in range(5):
        code, text = office.send(letter(sender="jo@plain.example", subject=f"from nobody {i}"), sender="jo@plain.example")
        assert code == 250, text
    office.ticket_with(alice, "from nobody 4")

    def found(**params):
        items, cursor = [], None
        while True:
            page = office.get(alice, "/tickets", params={"limit": 2, **params, **({"cursor": cursor} if cursor else {})}).json()
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return {t["subject"] for t in items if t["subject"].startswith("from")}
    nobody, them = ({f"from {who} {i}" for i in range(5)} for who in ("nobody", "them"))
    assert found(trust="unverified") == nobody and found(trust="failed") == set()
    assert found(domain="plain.example") == nobody and found(domain="CUSTOMER.example", trust="verified", state="open") == them
    assert found(domain="customer.example", trust="unverified") == found(domain="nowhere.example") == set()
    assert len(found(signal="first-contact", domain="plain.example")) == 1
    answer = office.get(alice, "/tickets", params={"trust": "maybe", "signal": "none", "domain": "bank"})
    assert answer.status_code == 422 and [e["field"] for e in answer.json()["errors"]] == ["trust", "signal", "domain"]


def test_a_sender_becomes_known(office, world, alice):
    for i in range(3):
        code, _ = office.send(signed(world, letter(sender="ann@customer.example", subject=f"known {i}"), "customer.example"),
                              sender="ann@customer.example")
        assert code == 250
        ticket = office.get(alice, f"/tickets/{office.ticket_with(alice, f'known {i}')['id']}").json()
        trust = ticket["messages"][0]["trust"]
        assert trust["known"]["messages"] == i and (trust["known"]["since"] is None) == (i == 0)
        assert ("first contact" if i == 0 else f", {i} message") in trust["line"]
        assert trust["encrypted"] is False and ticket["messages"][0]["as_customer"] is True
        assert ticket["reply_to"] == {"name": "", "address": "ann@customer.example", "reason": None}


def test_a_letter_that_only_claims_to_be_the_customer_is_not_answered(office, world, alice):
    send(office, world, "pretended")
    ticket = office.ticket_with(alice, "pretended")
    first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
    reference = office.get(alice, f"/messages/{first['id']}").json()["message_id"]
    headers = [("In-Reply-To", f"<{reference}>"), ("Reply-To", "mallory@plain.example")]
    code, text = office.send(letter(sender="kim@plain.example", name="Kim", subject="Re: pretended", headers=headers),
                             sender="kim@plain.example")
    assert code == 250, text
    office.ticket_with(alice, "Re: pretended")  # references open no ticket of another's
    whole = office.get(alice, f"/tickets/{ticket['id']}").json()
    assert len(whole["messages"]) == 1 and whole["reply_to"]["address"] == "kim@customer.example"
    theirs = office.get(alice, f"/tickets/{office.ticket_with(alice, 'Re: pretended')['id']}").json()
    assert theirs["reply_to"]["address"] == "kim@plain.example" and theirs["reply_to"]["reason"]


def test_history_is_told_in_words(office, world, alice):
    send(office, world, "history")
    ticket = office.ticket_with(alice, "history")["id"]
    message = office.get(alice, f"/tickets/{ticket}").json()["messages"][0]["id"]
    assert office.get(alice, f"/messages/{message}").status_code == 200
    items = office.get(alice, f"/tickets/{ticket}/timeline").json()["items"]
    assert items[0]["kind"] == "received" and items[0]["detail"] == "A message came in."
    opened = [i for i in items if i["kind"] == "opened"]
    assert [i["detail"] for i in opened] == ["Opened a message."] and opened[0]["actor"]["name"] == "Alice"


def test_what_is_not_yours_answers_as_what_is_not_there(office, world, alice):
    send(office, world, "not bob's")
    ticket = office.ticket_with(alice, "not bob's")["id"]
    message = office.get(alice, f"/tickets/{ticket}").json()["messages"][0]["id"]
    bob = office.sign_in("bob@desk.example")
    answers = [office.get(bob, path) for path in
               (f"/tickets/{ticket}", f"/tickets/{'0' * 32}", "/tickets/x", f"/messages/{message}", f"/messages/{'1' * 32}",
                f"/messages/{message}/source", f"/tickets/{ticket}/timeline")]
    answers.append(office.reply(bob, ticket, "x"))
    answers.append(change(office, bob, ticket, {"state": "closed"}))
    assert {a.status_code for a in answers} == {404} and len({a.text for a in answers}) == 1
    assert {a.headers["Cache-Control"] for a in answers} == {"no-store"}
