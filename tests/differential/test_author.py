"""Who is the author? Thousands of From fields out of a grammar of what attackers write, read by us and by what other programs do:
Python's parsers and the first or last address by pattern. Nobody is verified as somebody else, our parts agree on one author, and
no letter is accepted silently in which another program shows another author."""
import base64
import email
import email.policy
import email.utils
import random
import re

import replay

CASES = 4000
EVE, BANK = "eve@attacker.example", "admin@bank.example"
ZONE = {"attacker.example": {"TXT": [["v=spf1 ip4:192.0.2.9 -all"]]}, "_dmarc.attacker.example": {"TXT": [["v=DMARC1; p=none"]]},
        "bank.example": {"TXT": [["v=spf1 ip4:198.51.100.1 -all"]]}, "_dmarc.bank.example": {"TXT": [["v=DMARC1; p=reject"]]}}
ADDRESSES = [EVE, BANK] * 4 + [EVE.upper(), EVE + ".", f'"{BANK}"@attacker.example', f"{BANK}@attacker.example", f"@bank.example:{EVE}", "admin\0@bank.example",
                               "admin @ bank.example", "admin(c)@bank.example", f"{BANK} {EVE}", "admin%bank.example@attacker.example", "eve@[192.0.2.9]",
                               f"{BANK};{EVE}", f"{BANK}%00@attacker.example", f'"eve\\" <{BANK}>"@attacker.example', f"{EVE}\\,{BANK}",
                               "=?utf-8?q?admin=40bank.example=2C?=@attacker.example", "", "eve", f"<{EVE}>"]
COMMENTS = ["x", EVE, BANK, f"<{BANK}>", f"a\\){BANK}", f"({BANK})", f"{BANK}, "]
DISPLAYS = ["Bank", '"Bank"', f'"{BANK}"', BANK, f'"Bank <{BANK}>"', "Bank\\", '"Bank', "Bank.", "", "Bank,", "Bank;", "g:", "=?utf-8?q?Bank", "Bank\xff", f"'{BANK}'"]
NAMES = ["From"] * 30 + ["FROM", "fRoM", "From ", "From\t", " From", "\tFrom", "From\r\n ", "From\0", "From\xa0", "X-From", "Sender", "Resent-From", "From:From", " \r\nFrom", "From\r"]
SPACES = [" "] * 8 + ["", "\t", "\r\n ", "\r\n\t", "\r\n \r\n ", "\r", "\n ", "\x0b", "\xa0", "\0"]


def encoded(dice, text):
    return dice.choice(["=?utf-8?q?" + text.replace("@", "=40").replace("<", "=3C").replace(">", "=3E") + "?=", "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?=",
                        "=?UTF-7?Q?" + text.replace("@", "+AEA-") + "?="])


def mailbox(dice):
    def address():
        return dice.choice(ADDRESSES)

    def comment():
        return f"({dice.choice(COMMENTS)})"
    display = dice.choice(DISPLAYS + [encoded(dice, f"<{BANK}>"), encoded(dice, BANK)])
    return dice.choice([address(), f"{display}{dice.choice(SPACES)}<{address()}>", f"{display} <{address()}>", f"{display} <{address()}>", f"{comment()} {address()}",
                        f"{display} {comment()}<{address()}>{comment()}", f"<{address()}>{dice.choice(['', '<', '> ', ';'])}<{address()}>", f"<{address()}>{address()}"])


def author_field(dice):
    body = mailbox(dice)
    while dice.random() < 0.15:
        body += dice.choice([",", ", ", ";", " ", "\r\n ", ",,"]) + mailbox(dice)
    return dice.choice([body] * 12 + [f"grp:{body};"])


def letter(dice):
    fields = [f"{dice.choice(NAMES)}:{dice.choice(SPACES)}{author_field(dice)}"]
    fields += [f"{name}: {mailbox(dice)}" for name, chance in (("From", 0.1), ("Sender", 0.1), ("Reply-To", 0.05)) if dice.random() < chance]
    dice.shuffle(fields)
    return "\r\n".join(fields + ["To: support@desk.example", "Subject: s", "", "Text", ""]).encode("latin-1")


def other_readers(message):
    """The domains that programs would show."""
    found = set()
    for body in re.findall(r"(?im)^from[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", message.decode("latin-1").split("\r\n\r\n")[0]):
        body = re.sub(r"\r?\n[ \t]+", " ", body)
        patterns = re.findall(r"<[^<>]*@([\w.-]+)>", body) + re.findall(r"[\w.+%=-]+@([\w.-]+)", body)
        found |= {d.lower().rstrip(".") for d in patterns + [email.utils.parseaddr(body)[1].rpartition("@")[2]]}
    for policy in (email.policy.compat32, email.policy.default):
        try:
            found.add(email.utils.parseaddr(str(email.message_from_bytes(message, policy=policy).get("From", "")))[1].rpartition("@")[2].lower())
        except (ValueError, IndexError, AttributeError, TypeError):
            pass  # it cannot read the field at all
    return found


def fault(message, judgement):
    trust, disposition = judgement["trust"], judgement["disposition"]
    author = ((judgement["from"] or {}).get("domain") or "").lower()
    if trust["level"] == "verified" and trust["domain"] != "attacker.example":
        return "verified as somebody else"
    if trust["level"] == "verified" and author != trust["domain"]:
        return "two parts of ours name two authors"
    if judgement["dmarc"]["result"] == "pass" and author != "attacker.example":
        return "DMARC passes for somebody else"
    if judgement["dmarc"]["result"] == "fail" and disposition == "accept":
        return "a failure is accepted silently"
    if disposition == "accept" and "bank.example" in other_readers(message) - {author}:
        return "accepted, and others show another author"
    return None


def test_there_is_one_author():
    dice = random.Random(replay.SEED)
    replay.program()
    made = [replay.case(ZONE, sender=dice.choice([EVE, EVE, EVE, "", BANK, f'"{BANK}"@attacker.example']), message=letter(dice)) for _ in range(replay.count(CASES))]
    tally = replay.Tally("Author")
    for case, judgement in zip(made, replay.judge(made)):
        message = base64.b64decode(case["message"])
        wrong = fault(message, judgement)
        if wrong:
            tally.differs(None, f"{wrong}: {message!r} {judgement['trust']}")
        else:
            tally.same(f"{judgement['disposition']}, {judgement['trust']['level']}")
    tally.end()
    assert tally.results.get("accept, verified", 0) > 10  # honest ones are among them
