"""With everything in the data directory but keeper/root.key in hand, no customer's subject, name, address or body is found."""
import base64
import gzip
import os
import quopri
import zlib

import desk
from desk import letter, signed, wait_for

MARKS = {"subject": "Zanzibar kumquat 88131", "name": "Quillon Featherstonehaugh", "local": "quillon.f77", "body": "xylophone-marmalade-5512",
         "file": "petunia-invoice-991.txt", "content": "chrysanthemum-payload-3307", "answer": "wombat-sonata-6620"}


def spellings(text):
    raw = text.encode()
    yield raw
    yield raw.lower()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield raw.hex().encode()
    yield quopri.encodestring(raw)
    for shift in range(3):
        coded = base64.b64encode(b"\x00" * shift + raw)
        yield coded[4:-4]


def files(folder):
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and not path.endswith("keeper/root.key"):
                yield path, open(path, "rb").read()


def test_nothing_is_readable_at_rest(own_office, world):
    office = own_office
    sink = desk.Sink(office.mx_port, world)
    try:
        address = f"{MARKS['local']}@customer.example"
        mail = letter(sender=address, name=MARKS["name"], subject=MARKS["subject"], text=f"Hello, {MARKS['body']}.\r\n",
                      attachments=[(MARKS["file"], MARKS["content"].encode())])
        assert office.send(signed(world, mail, "customer.example"), sender=address)[0] == 250
        # A letter that is refused, and one that arrives while the keeper is away and waits in the intake.
        assert office.send(letter(sender="q@forged.example", subject=MARKS["subject"]), sender="q@forged.example")[0] == 550
        alice = office.sign_in("alice@desk.example")
        ticket = office.ticket_with(alice, MARKS["subject"])
        first = office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][0]
        assert MARKS["body"] in office.get(alice, f"/messages/{first['id']}").json()["text"]
        sink.refuse[address] = f"450 4.2.0 not now, {MARKS['name']}"
        assert office.reply(alice, ticket["id"], f"Dear customer, {MARKS['answer']}").status_code == 202
        wait_for(lambda: office.get(alice, f"/tickets/{ticket['id']}").json()["messages"][-1]["delivery"]["state"] == "deferred", 15)
        os.kill(office.pids("clerk")[0], 19)
        assert office.send(signed(world, mail, "customer.example"), sender=address)[0] == 250
        looked = list(files(office.folder))
        looked.append(("log", (office.folder.parent / "log").read_bytes()))
        os.kill(office.pids("clerk")[0], 18)
    finally:
        sink.close()
    assert any("intake" in path for path, _ in looked) and any("store.db" in path for path, _ in looked)
    found = [(path, what) for path, content in looked for what, text in [*MARKS.items(), ("address", address)]
             for spelling in spellings(text) if len(spelling) > 7 and spelling in content]
    assert found == []


def test_search_itself_finds_what_is_there(tmp_path):
    """The test above would see a leak: the same search over a file with the marks in each spelling."""
    for i, text in enumerate(MARKS.values()):
        for k, spelling in enumerate(spellings(text)):
            if len(spelling) > 7:
                (tmp_path / f"{i}-{k}").write_bytes(b"noise" + spelling + b"noise")
    hits = [p for p, content in files(tmp_path) if any(s in content for t in MARKS.values() for s in spellings(t) if len(s) > 7)]
    assert len(hits) == len(list(tmp_path.iterdir()))


def test_a_process_cannot_be_dumped(office):
    for role in office.status()["roles"]:
        limits = open(f"/proc/{role['pid']}/limits").read()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        assert os.stat(f"/proc/{role['pid']}/mem").st_uid == 0  # not dumpable: its files belong to root
