"""Who may, through the real API: gestures bound to one act, limited sessions, API tokens, budgets, four eyes, alarms, hidden tickets."""
import datetime
import pathlib
import sys
import time

import pytest
import requests

import desk
from desk import PASSWORD, letter, signed
from passkey import PRESENT, VERIFIED, Passkey, object_of

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "api"))
import check_openapi as contract  # noqa: E402

NOBODY = "fe" * 16


@pytest.fixture(autouse=True)
def as_documented(monkeypatch):
    """Every answer that these tests get is one that docs/openapi.yaml describes."""
    document, ask = contract.load(), desk.Office.ask

    def checked(self, session, method, path, body=None, **kwargs):
        answer = ask(self, session, method, path, body, **kwargs)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        contract.check_answer(document, method, "/api/v1" + path, contract.Answer(answer.status_code, headers, answer.content))
        return answer
    monkeypatch.setattr(desk.Office, "ask", checked)
    monkeypatch.setattr(desk.Office, "get", lambda self, session, path, **kwargs: checked(self, session, "GET", path, **kwargs))


def later(**kwargs):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**kwargs)).strftime("%Y-%m-%dT%H:%M:%SZ")


def send(office, world, subject, to="support@desk.example"):
    code, text = office.send(signed(world, letter(subject=subject, to=to), "customer.example"), to=(to,))
    assert code == 250, text


def person_id(office, address):
    return office.sessions[address].user["user"]["id"] if address in office.sessions else \
        office.sign_in(address).user["user"]["id"]


@pytest.fixture(scope="module")
def ada(office):
    return office.whole("ada@desk.example")


@pytest.fixture(scope="module")
def sam(office):
    return office.whole("sam@desk.example")


def enrol(office, ada, address, role="agent", queues=("support",), name="Robin"):
    """Somebody invited by the administrator, who enrols with an authenticator and a passkey. Their session by passkey."""
    invited = office.confirmed(ada, "POST", "/people", {"email": address, "name": name, "role": role, "queues": list(queues)})
    assert invited.status_code == 201, invited.text
    start = {"link": invited.json()["link"], "code": invited.json()["code"]}
    return finish(office, start, address)


def finish(office, start, address, password=PASSWORD):
    anybody = requests.Session()
    begun = office.post(anybody, "/enrolment", start)
    assert begun.status_code == 200 and begun.json()["qr"].startswith("<svg"), begun.text
    secret = begun.json()["secret"]
    office.secrets[address] = desk.base64.b32decode(secret + "=" * (-len(secret) % 8))
    office.spent.pop(address, None)
    key = Passkey(office.origin)
    options = office.post(anybody, "/enrolment/challenge", start)
    assert options.status_code == 200, options.text
    body = {**start, "password": password, "totp": office.fresh_code(address), "credential": key.create(options.json()),
            "passkey_name": "Key"}
    done = office.post(anybody, "/enrolment/finish", body)
    assert done.status_code == 200, done.text
    office.passkeys[address] = key
    return office.passkey_sign_in(address)


# ---- coming in ----

def test_a_limited_session_has_no_side_door(office):
    """Every address of the document, with whatever method: only one's own factors answer otherwise than passkey-required."""
    office.person("lim@desk.example", "Lim", "security", [])
    session = office.sign_in("lim@desk.example")
    assert session.user["limited"] and session.user["rights"] == ["own-factors"]
    document = requests.get(office.url + "/api/v1/openapi.json", timeout=30).json()
    own = {"/api/v1/session", "/api/v1/passkeys", "/api/v1/passkeys/challenge", "/api/v1/passkeys/{id}", "/api/v1/recovery-codes",
           "/api/v1/password", "/api/v1/step-up", "/api/v1/step-up/challenge"}
    asked = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "post", "put", "patch", "delete") or operation.get("security") == [] or path in own:
                continue
            there = path.split("{")[0] + (NOBODY + path.split("}")[1] if "{" in path else "")
            answer = session.request(method.upper(), office.url + there, json={}, timeout=30)
            assert answer.status_code == 403 and answer.json()["code"] == "passkey-required", (method, path, answer.text)
            asked += 1
    assert asked > 35
    assert office.get(session, "/passkeys").json()["items"] == []
    office.add_passkey(session)
    assert office.get(session, "/session").json()["limited"] is False and office.get(session, "/tickets").status_code == 200


def test_with_a_passkey_the_password_is_not_enough(office, sam):
    answer = office.sign_in("sam@desk.example", anew=True)
    assert answer.status_code == 401 and answer.json()["code"] == "passkey-required"
    wrong = office.sign_in("sam@desk.example", password="wrong", code="000000")
    assert wrong.json()["code"] == "sign-in-failed"  # and only to those who know the rest is it said


def test_a_passkey_answer_counts_once_and_here_alone(own_office):
    """In an office of its own: addresses wait after failed attempts."""
    office = own_office
    office.whole("ada@desk.example")
    key = office.passkeys["ada@desk.example"]
    anybody = requests.Session()

    def attempt(answer_of, **lie):
        """The status of an answer to a new challenge; whoever fails often waits between attempts."""
        while True:
            options = office.post(anybody, "/session/challenge").json()
            kept = dict(vars(key))
            vars(key).update(lie)
            credential = answer_of(options)
            vars(key).update(kept)
            answer = office.post(anybody, "/session/passkey", {"credential": credential})
            if answer.status_code != 429:
                return answer.status_code
            time.sleep(int(answer.headers["Retry-After"]))
    options = office.post(anybody, "/session/challenge").json()
    assert options["userVerification"] == "required" and options["rpId"] == "localhost" and options["allowCredentials"] == []
    once = key.get(options)
    assert attempt(lambda _: once) == 201 and attempt(lambda _: once) == 401
    stranger = Passkey(office.origin)
    stranger.user = key.user
    assert attempt(stranger.get) == 401 and attempt(lambda _: key.get({"challenge": "AAAA"})) == 401
    for lie in ({"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"flags": PRESENT}):
        assert attempt(key.get, **lie) == 401, lie
    assert attempt(key.get) == 201


# ---- gestures ----

def token_body(name):
    return {"name": name, "verbs": ["sessions"], "expires_at": later(days=30)}


def test_a_gesture_buys_one_act(office, ada):
    answer = office.post(ada, "/tokens", token_body("one"))
    assert answer.status_code == 403 and answer.json()["code"] == "step-up-required" and answer.json()["act"] == "tokens"
    assert "object" not in answer.json()
    assert office.step_up(ada, "people").status_code == 204  # for another act
    assert office.post(ada, "/tokens", token_body("one")).status_code == 403
    assert office.step_up(ada, "tokens").status_code == 204
    assert office.post(ada, "/tokens", token_body("one")).status_code == 201
    assert office.post(ada, "/tokens", token_body("two")).status_code == 403  # spent


def test_a_gesture_is_for_one_object(office, ada):
    alice, bob = person_id(office, "alice@desk.example"), person_id(office, "bob@desk.example")
    assert office.step_up(ada, "people", bob).status_code == 204
    answer = office.ask(ada, "PATCH", f"/people/{alice}", {"name": "Alicia"})
    assert answer.status_code == 403 and answer.json()["object"] == alice
    assert office.confirmed(ada, "PATCH", f"/people/{alice}", {"name": "Alicia"}).status_code == 204
    assert office.confirmed(ada, "PATCH", f"/people/{alice}", {"name": "Alice"}).status_code == 204


def test_gestures_are_not_replayed_or_lent(office, ada):
    key = office.passkeys["ada@desk.example"]
    options = office.post(ada, "/step-up/challenge", {"act": "tokens"}).json()
    credential = key.get(options)
    assert office.post(ada, "/step-up", {"act": "people", "credential": credential}).json()["code"] == "gesture-refused"
    options = office.post(ada, "/step-up/challenge", {"act": "tokens"}).json()
    credential = key.get(options)
    assert office.post(ada, "/step-up", {"act": "tokens", "credential": credential}).status_code == 204
    assert office.post(ada, "/step-up", {"act": "tokens", "credential": credential}).json()["code"] == "gesture-refused"
    other = office.passkey_sign_in("ada@desk.example")  # the same person elsewhere has not made it
    assert office.post(other, "/tokens", token_body("lent")).status_code == 403
    office.sessions["ada@desk.example"] = ada
    options = office.post(ada, "/step-up/challenge", {"act": "tokens"}).json()
    assert office.post(other, "/step-up", {"act": "tokens", "credential": key.get(options)}).json()["code"] == "gesture-refused"
    bad = office.post(ada, "/step-up/challenge", {"act": "tokens"}).json()
    key.flags = PRESENT  # and nobody asked who it is
    unverified = key.get(bad)
    key.flags = PRESENT | VERIFIED
    assert office.post(ada, "/step-up", {"act": "tokens", "credential": unverified}).json()["code"] == "gesture-refused"


def test_a_one_time_code_does_not_step_up(office):
    session = office.sign_in("bob@desk.example")
    answer = office.post(session, "/step-up", {"act": "break-glass", "totp": office.fresh_code("bob@desk.example")})
    assert answer.status_code == 403 and answer.json()["code"] == "gesture-refused"
    refused = office.post(session, "/break-glass", {"queue": "support", "reason": "because I want to", "minutes": 5})
    assert refused.status_code == 403 and refused.json()["code"] == "step-up-required"


def test_removing_passkeys_is_confirmed_for_that_one(office):
    office.person("two@desk.example", "Tia", "agent", ["support"])
    session = office.sign_in("two@desk.example")
    first = office.add_passkey(session)
    second = Passkey(office.origin)
    options = office.post(session, "/passkeys/challenge").json()
    assert len(options["excludeCredentials"]) == 1
    added = office.confirmed(session, "POST", "/passkeys", {"name": "Other", "credential": second.create(options)})
    assert added.status_code in (201, 409), added.text
    if added.status_code == 409:  # its challenge was used by the attempt that wanted a gesture
        assert office.step_up(session, "own-factors").status_code == 204
        options = office.post(session, "/passkeys/challenge").json()
        added = office.post(session, "/passkeys", {"name": "Other", "credential": second.create(options)})
    assert added.status_code == 201, added.text
    path = "/passkeys/" + added.json()["id"]
    answer = office.ask(session, "DELETE", path)
    assert answer.status_code == 403 and answer.json()["object"] == object_of(added.json()["id"])
    assert office.confirmed(session, "DELETE", path).status_code == 204
    assert [k["name"] for k in office.get(session, "/passkeys").json()["items"]] == ["Test key"]
    assert first.id


# ---- sessions ----

def test_sessions_are_seen_and_ended(office):
    office.person("ses@desk.example", "Sol", "agent", ["support"])
    here = office.sign_in("ses@desk.example")
    there = office.sign_in("ses@desk.example", anew=True)
    items = office.get(here, "/sessions").json()["items"]
    assert len(items) == 2 and [s["mine"] for s in items].count(True) == 1
    other = next(s for s in items if not s["mine"])
    assert office.ask(here, "DELETE", f"/sessions/{other['id']}").status_code == 204
    assert office.get(there, "/session").status_code == 401 and office.get(here, "/session").status_code == 200
    again = office.sign_in("ses@desk.example", anew=True)
    assert office.ask(here, "DELETE", "/sessions").json() == {"ended": 1}
    assert office.get(again, "/session").status_code == 401
    alices = office.get(office.sign_in("alice@desk.example"), "/sessions").json()["items"]
    assert office.ask(here, "DELETE", f"/sessions/{alices[0]['id']}").status_code == 404
    assert office.ask(here, "DELETE", f"/sessions/{NOBODY}").text == office.ask(here, "DELETE", f"/sessions/{alices[0]['id']}").text
    assert office.get(here, "/sessions", params={"person": "*"}).status_code == 404


def test_those_who_may_end_sessions_of_others(office, sam):
    office.person("gone@desk.example", "Gil", "agent", ["support"])
    session = office.sign_in("gone@desk.example")
    who = session.user["user"]["id"]
    assert [s["person"] for s in office.get(sam, "/sessions", params={"person": who}).json()["items"]] == [who]
    assert office.ask(sam, "DELETE", "/sessions", params={"person": who}).json() == {"ended": 1}
    assert office.get(session, "/tickets").status_code == 401


# ---- people ----

def test_a_person_comes_and_goes(office, ada):
    session = enrol(office, ada, "robin@desk.example")
    who = session.user["user"]["id"]
    assert session.user["factor"] == "passkey" and session.user["user"]["queues"] == ["support"]
    listed = next(p for p in office.get(ada, "/people").json()["items"] if p["id"] == who)
    assert listed["email"] == "robin@desk.example" and "passkey" in listed["factors"]
    assert office.confirmed(ada, "PATCH", f"/people/{who}", {"suspended": True}).status_code == 204
    assert office.get(session, "/tickets").status_code == 401
    assert office.passkey_sign_in("robin@desk.example").status_code == 401
    assert office.confirmed(ada, "PATCH", f"/people/{who}", {"suspended": False}).status_code == 204
    assert office.passkey_sign_in("robin@desk.example").user
    assert office.confirmed(ada, "DELETE", f"/people/{who}").status_code == 204
    assert who not in [p["id"] for p in office.get(ada, "/people").json()["items"]]
    assert "robin@desk.example" not in str(office.audit())


def test_a_link_needs_its_code(own_office):
    office = own_office
    ada = office.whole("ada@desk.example")
    invited = office.confirmed(ada, "POST", "/people", {"email": "code@desk.example", "name": "Cody", "role": "agent", "queues": []}).json()
    anybody = requests.Session()
    bodies = {office.post(anybody, "/enrolment", {"link": link, "code": "AAAA-BBBB"}).text for link in (invited["link"], "A" * 43)}
    assert len(bodies) == 1 and "enrolment-failed" in bodies.pop()
    for path in ("/people", "/grants", "/tokens"):
        assert office.get(anybody, path).status_code == 401


def test_agents_administer_nobody(office, ada):
    alice = office.sign_in("alice@desk.example")
    there, none = person_id(office, "bob@desk.example"), NOBODY
    assert office.get(alice, "/people").status_code == 404
    answers = [office.ask(alice, "PATCH", f"/people/{who}", {"role": "admin"}) for who in (there, none)]
    assert {a.status_code for a in answers} == {404} and len({a.text for a in answers}) == 1
    assert office.get(alice, "/passkeys", params={"person": there}).status_code == 404
    assert office.get(alice, "/grants", params={"person": "*"}).status_code == 404


def test_two_people_give_somebody_a_new_start(office, ada):
    session = enrol(office, ada, "reset@desk.example", name="Rea")
    who = session.user["user"]["id"]
    second = enrol(office, ada, "second@desk.example", role="admin", queues=(), name="Sec")
    answer = office.post(ada, f"/people/{who}/reset")
    assert answer.status_code == 403 and answer.json()["code"] == "approval-required" and answer.json()["object"] == who
    made = office.post(ada, "/requests", {"act": "reset-factors", "object": who, "reason": "lost the phone on a train"})
    assert made.status_code == 201, made.text
    request = made.json()["id"]
    own = office.ask(ada, "POST", f"/requests/{request}/approve")
    assert own.status_code in (403, 404)
    if own.status_code == 403:
        assert office.confirmed(ada, "POST", f"/requests/{request}/approve").status_code == 404
    seen = office.get(second, "/requests").json()
    assert [r["id"] for r in seen["items"]] == [request] and seen["names"][who] == "Rea"
    approved = office.confirmed(second, "POST", f"/requests/{request}/approve")
    assert approved.status_code == 200 and approved.json()["code"], approved.text
    link = office.confirmed(ada, "POST", f"/people/{who}/reset")
    assert link.status_code == 201 and "code" not in link.json(), link.text
    assert office.get(session, "/tickets").status_code == 401  # at once
    fresh = finish(office, {"link": link.json()["link"], "code": approved.json()["code"]}, "reset@desk.example")
    assert fresh.user["user"]["id"] == who
    assert office.post(ada, f"/people/{who}/reset").json()["code"] == "approval-required"  # it was good for one


# ---- rights ----

def test_grants_open_and_close(office, world, ada):
    send(office, world, "for alice alone")
    office.ticket_with(office.sign_in("alice@desk.example"), "for alice alone")
    bob = office.sign_in("bob@desk.example")
    who = bob.user["user"]["id"]
    assert "for alice alone" not in [t["subject"] for t in office.tickets(bob, limit=100)]
    body = {"person": who, "verbs": ["list", "open"], "queue": "support", "categories": ["normal"], "until": later(hours=1),
            "reason": "stands in for Alice today"}
    grant = office.confirmed(ada, "POST", "/grants", body)
    assert grant.status_code == 201, grant.text
    office.ticket_with(bob, "for alice alone")
    assert "support" in office.get(bob, "/session").json()["user"]["queues"]
    assert [g["id"] for g in office.get(bob, "/grants").json()["items"]] == [grant.json()["id"]]
    said = office.get(ada, "/explain", params={"act": "open", "queue": "support", "person": who}).json()
    assert said["may"] and any("grant" in line for line in said["lines"])
    assert who in [p["id"] for p in office.get(ada, "/who-can", params={"act": "open", "queue": "support"}).json()["items"]]
    removed = office.confirmed(ada, "DELETE", f"/grants/{grant.json()['id']}")
    assert removed.status_code == 204, removed.text
    assert "for alice alone" not in [t["subject"] for t in office.tickets(bob, limit=100)]


def test_roles_of_ones_own(office, ada):
    rules = {"rules": [{"allow": False, "verbs": ["reply"], "queue": "support"}]}
    assert office.confirmed(ada, "PUT", "/roles/reader", rules).status_code == 204
    assert "reader" in [r["name"] for r in office.get(ada, "/roles").json()["items"]]
    alice = person_id(office, "alice@desk.example")
    assert office.confirmed(ada, "PATCH", f"/people/{alice}", {"roles": ["reader"]}).status_code == 204
    said = office.get(ada, "/explain", params={"act": "reply", "queue": "support", "person": alice}).json()
    assert not said["may"]
    assert office.confirmed(ada, "PATCH", f"/people/{alice}", {"roles": []}).status_code == 204
    assert office.confirmed(ada, "DELETE", "/roles/reader").status_code == 204
    assert office.confirmed(ada, "DELETE", "/roles/admin").status_code == 409


def test_emergency_access_is_told_to_everybody(office, world, ada, sam):
    send(office, world, "in billing", to="billing@desk.example")
    session = enrol(office, ada, "glass@desk.example", role="supervisor", name="Gus")
    body = {"queue": "billing", "reason": "the billing team is on a train", "minutes": 5}
    opened = office.confirmed(session, "POST", "/break-glass", body)
    assert opened.status_code == 201 and opened.json()["until"], opened.text
    office.ticket_with(session, "in billing")
    for address in ("alice@desk.example", "bob@desk.example", "sam@desk.example", "ada@desk.example"):
        told = office.sessions[address]
        assert office.get(told, "/session").json()["alarms"] >= 1
        alarm = next(a for a in office.get(told, "/alarms").json()["items"] if a["kind"] == "break-glass")
        assert alarm["name"] == "Gus" and "train" in alarm["reason"] and not alarm["seen"]
        assert office.post(told, f"/alarms/{alarm['id']}/seen").status_code == 204
        assert next(a for a in office.get(told, "/alarms").json()["items"] if a["id"] == alarm["id"])["seen"]


# ---- machines ----

def machine(token):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def test_an_api_token_can_do_what_it_says(office, world, ada):
    send(office, world, "for the machine")
    owner = enrol(office, ada, "owner@desk.example", queues=("support", "billing"), name="Owen")
    office.ticket_with(owner, "for the machine")
    made = office.confirmed(owner, "POST", "/tokens", {"name": "export", "verbs": ["list", "open"], "queues": ["support"],
                                                       "addresses": ["127.0.0.0/8"], "expires_at": later(days=7)})
    assert made.status_code == 201 and made.json()["token"].startswith("sdt_"), made.text
    token = made.json()["token"]
    it = machine(token)
    ticket = office.ticket_with(it, "for the machine")
    message = office.get(it, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]
    assert office.get(it, f"/messages/{message}").status_code == 200
    assert office.get(it, "/session").json()["factor"] == "token"
    assert {t["queue"] for t in office.tickets(it, limit=100)} == {"support"}
    assert office.get(it, f"/messages/{message}/source").status_code == 404  # download is not in its scope
    assert office.reply(it, ticket["id"], "I am a machine.").status_code == 404
    changed = it.patch(f"{office.url}/api/v1/tickets/{ticket['id']}", json={"state": "closed"}, headers={"If-Match": "*"}, timeout=30)
    assert changed.status_code == 404
    for method, path in (("GET", "/passkeys"), ("GET", "/sessions"), ("POST", "/tokens"), ("POST", "/step-up/challenge"), ("GET", "/people")):
        assert office.ask(it, method, path, {}).json()["code"] == "person-required"
    both = requests.Session()
    both.cookies.update(owner.cookies)
    both.headers["Authorization"] = f"Bearer {token}"
    assert office.get(both, "/tickets").status_code == 400
    elsewhere = office.confirmed(owner, "POST", "/tokens", {"name": "far", "verbs": ["list"], "addresses": ["192.0.2.0/24"],
                                                            "expires_at": later(days=7)}).json()["token"]
    assert office.get(machine(elsewhere), "/tickets").status_code == 401
    assert token not in office.get(owner, "/tokens").text
    assert office.ask(owner, "DELETE", f"/tokens/{made.json()['id']}").status_code == 204
    assert office.get(it, "/tickets").status_code == 401
    wide = office.confirmed(owner, "POST", "/tokens", {"name": "wide", "verbs": ["purge"], "expires_at": later(days=7)})
    assert wide.status_code == 409


# ---- budgets ----

def test_budgets_are_bought_once_and_then_spent(tmp_path_factory, world):
    office = desk.Office(tmp_path_factory.mktemp("budget") / "data", world, options=["budget.opens_per_minute=6"])
    office.start()
    try:
        alice = office.sign_in("alice@desk.example")
        office.add_passkey(alice)
        send(office, world, "budget")
        ticket = office.ticket_with(alice, "budget")
        message = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]
        seen = []
        for _ in range(40):
            answer = office.get(alice, f"/messages/{message}")
            seen.append(answer.status_code)
            if answer.status_code == 403:
                assert answer.json()["code"] == "step-up-required" and answer.json()["act"] == "exceed-budget"
                assert office.step_up(alice, "exceed-budget").status_code == 204
            if answer.status_code == 429:
                break
        assert seen[0] == 200 and seen.count(403) == 1 and seen[-1] == 429, seen
        assert answer.json()["code"] == "budget-spent" and int(answer.headers["Retry-After"]) > 0
        office.person("look@desk.example", "Lou", "security", [])
        security = office.whole("look@desk.example")
        assert "budget" in [a["kind"] for a in office.get(security, "/alarms").json()["items"]]
    finally:
        office.stop()


# ---- categories ----

def test_hidden_tickets_are_nowhere(office, world, ada):
    """An agent without the right to a category learns of its tickets neither by lists, counts, cursors, numbers nor refusals."""
    for i in range(4):
        send(office, world, f"quiet {i}")
    alice = office.sign_in("alice@desk.example")
    tickets = {i: office.ticket_with(alice, f"quiet {i}") for i in range(4)}
    messages = {i: office.get(alice, f"/tickets/{tickets[i]['id']}").json()["messages"][0]["id"] for i in range(4)}
    before = office.tickets(alice, limit=100)
    for i in (1, 2):
        changed = alice.patch(f"{office.url}/api/v1/tickets/{tickets[i]['id']}", json={"category": "special"}, headers={"If-Match": "*"},
                              timeout=30)
        assert changed.status_code == 204, changed.text  # done, and out of reach
    hidden = tickets[1]["id"]
    message = messages[1]
    listed = [t["subject"] for t in office.tickets(alice, limit=100)]
    assert len(listed) == len(before) - 2 and "quiet 1" not in listed
    cursor, pages = None, []
    while True:
        page = office.get(alice, "/tickets", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["items"]) == 1  # a page is filled with what may be seen
        pages += [t["subject"] for t in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert pages == listed
    missing = office.get(alice, f"/tickets/{NOBODY}").text
    answers = [office.get(alice, f"/tickets/{hidden}"), office.get(alice, f"/tickets/{hidden}/timeline"),
               office.get(alice, f"/messages/{message}"), office.reply(alice, hidden, "x"), office.reply(alice, hidden, ""),
               office.reply(alice, hidden, "x", headers={"If-Match": '"99"'}),
               office.get(alice, "/explain", params={"act": "open", "ticket": str(tickets[1]["number"])}),
               office.ask(alice, "DELETE", f"/tickets/{hidden}")]
    for body, headers in (({"state": "closed"}, {}), ({"state": "lost"}, {"If-Match": "*"}), ({"state": "closed"}, {"If-Match": '"99"'})):
        answers.append(alice.patch(f"{office.url}/api/v1/tickets/{hidden}", json=body, headers=headers, timeout=30))
    for answer in answers:
        assert answer.status_code == 404 and answer.text == missing, (answer.request.method, answer.url, answer.text)
    assert "quiet 1" not in str([office.get(alice, "/tickets", params={"domain": "customer.example", "limit": 100}).json()])
    grant = office.confirmed(ada, "POST", "/grants", {"person": alice.user["user"]["id"], "verbs": ["list", "open"], "queue": "support",
                                                      "categories": ["special"], "reason": "knows about health matters"})
    assert grant.status_code == 201, grant.text
    assert office.get(alice, f"/tickets/{hidden}").json()["category"] == "special"


# ---- destroying ----

def test_mail_is_destroyed_by_two(office, world, ada):
    send(office, world, "to be destroyed")
    alice = office.sign_in("alice@desk.example")
    ticket = office.ticket_with(alice, "to be destroyed")
    assert office.ask(alice, "DELETE", f"/tickets/{ticket['id']}").status_code == 404
    one = enrol(office, ada, "priv@desk.example", role="privacy", queues=("support",), name="Pia")
    two = enrol(office, ada, "priv2@desk.example", role="privacy", queues=("support",), name="Per")
    answer = office.ask(one, "DELETE", f"/tickets/{ticket['id']}")
    assert answer.status_code == 403 and answer.json()["code"] == "approval-required" and answer.json()["object"] == ticket["id"], answer.text
    made = office.post(one, "/requests", {"act": "purge", "object": ticket["id"], "reason": "the customer asked for it"})
    assert made.status_code == 201, made.text
    approved = office.confirmed(two, "POST", f"/requests/{made.json()['id']}/approve")
    assert approved.status_code == 200 and approved.json()["code"] is None, approved.text
    gone = office.confirmed(one, "DELETE", f"/tickets/{ticket['id']}")
    assert gone.status_code == 204, gone.text
    assert office.get(alice, f"/tickets/{ticket['id']}").status_code == 404
    assert "to be destroyed" not in [t["subject"] for t in office.tickets(alice, limit=100)]


def test_the_log_is_read_with_a_gesture(office, ada):
    reader = enrol(office, ada, "read@desk.example", role="auditor", queues=(), name="Rey")
    assert office.get(office.sign_in("alice@desk.example"), "/audit").status_code == 404
    first = office.get(reader, "/audit")
    assert first.status_code == 403 and first.json()["act"] == "audit"
    first = office.confirmed(reader, "GET", "/audit")
    assert first.status_code == 200 and first.json()["items"][0]["seq"] == 0, first.text
    newest = office.get(reader, "/audit", params={"newest": "true"}).json()  # the same reading: no other gesture
    assert newest["next"] is None and newest["items"][-1]["seq"] == newest["size"] - 1
    if first.json()["next"]:
        behind = office.get(reader, "/audit", params={"cursor": first.json()["next"]})
        assert behind.status_code == 200 and behind.json()["items"][0]["seq"] == len(first.json()["items"])


def test_a_queue_of_confidential_mail(tmp_path_factory, world):
    """Its new tickets are confidential from the first moment: there for supervisors, and nowhere for agents."""
    office = desk.Office(tmp_path_factory.mktemp("category") / "data", world)
    address = 'address = "support@desk.example"'
    text = office.conf.read_text()
    assert address in text
    office.conf.write_text(text.replace(address, address + '\n    category = "confidential"'))
    office.person("lead@desk.example", "Lea", "supervisor", ["support"])
    office.start()
    try:
        send(office, world, "between us")
        lead = office.sign_in("lead@desk.example")
        ticket = office.ticket_with(lead, "between us")
        assert ticket["category"] == "confidential"
        alice = office.sign_in("alice@desk.example")
        assert office.tickets(alice) == [] and office.get(alice, f"/tickets/{ticket['id']}").status_code == 404
        lowered = lead.patch(f"{office.url}/api/v1/tickets/{ticket['id']}", json={"category": "normal"}, headers={"If-Match": "*"},
                             timeout=30)
        assert lowered.status_code == 200 and lowered.json()["category"] == "normal", lowered.text
        assert [t["subject"] for t in office.tickets(alice)] == ["between us"]
    finally:
        office.stop()
