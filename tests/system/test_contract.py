"""docs/openapi.yaml and what the desk really answers."""
import pathlib
import sys

import requests

from desk import letter, signed

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "api"))


def test_answers_match_the_document(office, world):
    import check_openapi
    assert office.send(signed(world, letter(subject="contract", attachments=[("a.txt", b"x")]), "customer.example"))[0] == 250
    alice = office.sign_in("alice@desk.example")
    office.ticket_with(alice, "contract")
    client = check_openapi.Desk(office.url)
    client.cookie = "; ".join(f"{c.name}={c.value}" for c in alice.cookies)
    client.csrf = alice.headers["X-CSRF-Token"]
    checked = check_openapi.check(office.url, client)
    assert len(checked) > 5
    served = requests.get(office.url + "/api/v1/openapi.json", timeout=10)
    assert served.status_code == 200 and served.json()["openapi"].startswith("3.1")
