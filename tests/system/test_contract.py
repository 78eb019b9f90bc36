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
    check_openapi.check(office.url, alice)
    served = requests.get(office.url + "/api/v1/openapi.json", timeout=10)
    assert served.status_code == 200 and served.json()["openapi"].startswith("3.1")
