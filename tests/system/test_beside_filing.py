"""What is done beside filing by real processes: the spam filter learns what people decide, and pictures come whoever is killed."""
import os
import signal

import pytest
import requests

import desk
import samples
import scanners
from desk import wait_for


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    clamd, rspamd = scanners.Clamd(), scanners.Rspamd()
    office = desk.Office(folder / "data", desk.World(folder), options=[*clamd.options(), *rspamd.options()])
    office.rspamd = rspamd
    try:
        clamd.start()
        rspamd.start()
        office.start()
        yield office
    finally:
        office.stop()
        clamd.close()
        rspamd.close()


@pytest.fixture(scope="module")
def alice(house):
    return house.whole("alice@desk.example")


def send(house, subject, files=()):
    reply = house.send(desk.signed(house.world, samples.mail(subject, files), "customer.example"))
    assert reply[0] == 250, reply


def attachment(house, session, subject):
    ticket = house.ticket_with(session, subject, 20)
    message = house.get(session, f"/tickets/{ticket['id']}").json()["messages"][0]["id"]

    def clean():
        items = house.get(session, f"/messages/{message}/attachments").json()["items"]
        return items[0]["id"] if items and items[0]["state"] == "clean" else None
    return wait_for(clean, 30, f"attachment of {subject!r}")


def ask_for_pictures(house, session, file):
    answer = house.post(session, f"/attachments/{file}/preview", {})
    assert answer.status_code in (200, 202), answer.text


def pictures(house, session, file, seconds=40):
    """How it ended: no preview stays wanted for ever."""
    def ended():
        answer = house.get(session, f"/attachments/{file}/preview", params={"wait": "1"})
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["state"] != "wanted" else None
    return wait_for(ended, seconds, "an end")


# ---- the spam filter ----

def learned(house):
    """How many letters the filter has learned; its files say which only later."""
    return requests.get(f"http://127.0.0.1:{house.rspamd.controller_port}/stat", timeout=10,
                        headers={"Password": house.rspamd.PASSWORD}).json()["learned"]


def decide(house, session, ticket, state):
    answer = house.ask(session, "PATCH", f"/tickets/{ticket}", {"state": state}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def test_the_filter_learns_what_people_decide_and_each_opening_is_on_the_record(house, alice):
    send(house, "cheap pills")
    ticket = house.ticket_with(alice, "cheap pills", 20)["id"]
    before = learned(house)
    decide(house, alice, ticket, "closed")  # teaches nothing
    decide(house, alice, ticket, "spam")
    wait_for(lambda: learned(house) == before + 1, 30, "spam is learned")
    decide(house, alice, ticket, "open")
    wait_for(lambda: learned(house) == before + 2, 30, "that it is none is learned")
    decide(house, alice, ticket, "spam")
    decide(house, alice, ticket, "open")  # what it knows already is no problem
    wait_for(lambda: len([r for r in house.audit() if r["reason"] == "learn source"]) == 3, 30, "the third lesson")
    assert not [r for r in house.status()["reasons"] if "rspamd" in r]
    opened = [r for r in house.audit() if r["reason"] == "learn source"]
    assert [r["outcome"] for r in opened] == ["granted"] * 3 and {r["ticket"] for r in opened} == {ticket}
    assert all(r["actor"]["kind"] == "warrant" for r in opened)
    told = house.get(alice, f"/tickets/{ticket}/timeline").json()["items"]
    assert sorted(e["kind"] for e in told if "spam" in e["kind"]) == ["not-spam", "not-spam", "spam", "spam"]


# ---- pictures ----

def test_a_renderer_that_is_killed_costs_one_attempt(house, alice):
    send(house, "pages", [("order.pdf", "application/pdf", samples.pdf(4))])
    file = attachment(house, alice, "pages")
    pid = house.pids("render")[0]
    ask_for_pictures(house, alice, file)
    os.kill(pid, signal.SIGKILL)
    end = pictures(house, alice, file)
    if end["state"] == "failed":  # it was at it: not tried again by itself
        assert end["reason"] and not end["final"], end
        wait_for(lambda: (p := house.pids("render")) and p[0] != pid, 20, "another renderer")
        ask_for_pictures(house, alice, file)
        end = pictures(house, alice, file)
    assert end["state"] == "done" and end["pages"] == 4, end


def test_a_clerk_that_is_killed_leaves_what_is_wanted_to_the_next(house, alice):
    files = []
    for i in range(6):
        send(house, f"many {i}", [("order.pdf", "application/pdf", samples.pdf(i + 1))])
        files.append(attachment(house, alice, f"many {i}"))
    for file in files:
        ask_for_pictures(house, alice, file)
    os.kill(house.pids("clerk")[0], signal.SIGKILL)
    for i, file in enumerate(files):
        end = pictures(house, alice, file)
        if end["state"] == "failed":  # between sealing and keeping, which is not made good: a key seals once
            assert end["final"] and "cannot be made again" in end["reason"], end
        else:
            assert end["state"] == "done" and end["pages"] == i + 1, end


def test_it_stops_in_time_with_pictures_being_made(house, alice):
    send(house, "last", [("order.pdf", "application/pdf", samples.pdf(30))])
    file = attachment(house, alice, "last")
    ask_for_pictures(house, alice, file)
    assert house.stop() == 0
    house.start()
    alice = house.whole("alice@desk.example")
    assert pictures(house, alice, file)["state"] == "done"
