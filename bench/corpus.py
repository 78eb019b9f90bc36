"""Makes the benchmark's messages, keys and zone: 200 letters of 10 KB from 20 domains, each with an RSA-2048 key, SPF with an include
and DMARC p=reject. The same seed gives the same texts; keys are new.

    corpus.py FOLDER      writes FOLDER/list, FOLDER/NNN.eml, FOLDER/forged*, FOLDER/zone"""
import base64
import pathlib
import random
import subprocess
import sys
import textwrap

import dkim

DOMAINS = [f"shop{i:02d}.example" for i in range(20)]
LETTERS = 200
LETTER_BYTES = 10 * 1024
SELECTOR = "s1"
CLIENT_NET = "198.51.100.0/25"  # RFC 5737; what lies in the other half has no right to send
WORDS = """parcel invoice refund delivery address order number colour size broken missing late thanks hello regards waiting
weeks courier depot label return exchange voucher account password payment card charged twice please answer soon the a my it
was is not has have been when where why could would should and but because again today yesterday tomorrow""".split()
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"references"]


def openssl(*args, **kwargs):
    return subprocess.run(["openssl", *args], capture_output=True, check=True, **kwargs).stdout


def txt(name, value):
    return f"{name}. 3600 IN TXT " + " ".join(f'"{value[i:i + 200]}"' for i in range(0, len(value), 200))


def records(domain, public):
    return [txt(f"{SELECTOR}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={public}"),
            txt(domain, f"v=spf1 ip4:203.0.113.0/28 include:_spf.{domain} -all"),
            txt(f"_spf.{domain}", f"v=spf1 ip4:192.0.2.128/25 ip4:{CLIENT_NET} ?all"),
            txt(f"_dmarc.{domain}", "v=DMARC1; p=reject"),
            f"{domain}. 3600 IN A 198.51.100.10", f"{domain}. 3600 IN MX 10 mx.{domain}.", f"mx.{domain}. 3600 IN A 198.51.100.10"]


def paragraph(dice, size):
    text = ""
    while len(text) < size:
        text += dice.choice(WORDS) + (". " if dice.random() < 0.1 else " ")
    return text[:size].strip()


def letter(dice, number, domain):
    """Plain text and HTML of the same, as mail programs send it; its header without the signature."""
    mark = f"{dice.getrandbits(96):024x}"
    header = [f"Received: from [10.0.{number}.7] (workstation [10.0.{number}.7])\r\n\tby out.{domain} with ESMTPSA id {mark[:12]};"
              f"\r\n\tMon, 23 Nov 2026 10:00:00 +0000",
              f"From: Robin Customer <robin{number}@{domain}>", "To: Support <support@desk.example>",
              f"Subject: Order {dice.randrange(10**6)}: {paragraph(dice, 30)}", "Date: Mon, 23 Nov 2026 10:00:00 +0000",
              f"Message-ID: <{mark}@{domain}>", f"References: <{dice.getrandbits(96):024x}@desk.example>", "MIME-Version: 1.0",
              f'Content-Type: multipart/alternative; boundary="{mark}"']
    paragraphs = [paragraph(dice, 280) for _ in range(14)]
    plain = "\r\n\r\n".join("\r\n".join(textwrap.wrap(p, 72)) for p in paragraphs)
    html = "<html><body>\r\n" + "".join('<p style="margin: 0 0 1em">' + "\r\n".join(textwrap.wrap(p, 72)) + "</p>\r\n"
                                        for p in paragraphs) + "</body></html>"
    filler = LETTER_BYTES - 700 - len(plain) - len(html) - len("\r\n".join(header))
    plain += "\r\n\r\n" + "\r\n".join(textwrap.wrap(paragraph(dice, max(filler, 40)), 72))
    kinds = [("plain", plain), ("html", html)]
    parts = "".join(f"--{mark}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n" for kind, body in kinds)
    return ("\r\n".join(header) + f"\r\n\r\n{parts}--{mark}--\r\n").encode()


def main(folder):
    dice = random.Random(10)
    folder.mkdir(parents=True, exist_ok=True)
    keys, zone, listed = {}, [], []
    for domain in DOMAINS:
        keys[domain] = openssl("genrsa", "-traditional", "2048")
        public = openssl("rsa", "-pubout", "-outform", "DER", input=keys[domain])
        zone += records(domain, base64.b64encode(public).decode())
    zone += ["desk.example. 3600 IN MX 10 mail.desk.example.", "mail.desk.example. 3600 IN A 192.0.2.1",
             "client.relay.example. 3600 IN A 198.51.100.10", "10.100.51.198.in-addr.arpa. 3600 IN PTR client.relay.example."]
    (folder / "zone").write_text("\n".join(zone) + "\n")
    for i in range(LETTERS):
        domain = DOMAINS[i % len(DOMAINS)]
        bare = letter(dice, i, domain)
        field = dkim.sign(bare, SELECTOR.encode(), domain.encode(), keys[domain], canonicalize=(b"relaxed", b"relaxed"),
                          include_headers=SIGNED)
        (folder / f"{i:03d}.eml").write_bytes(field + bare)
        listed.append(f"{folder}/{i:03d}.eml robin{i}@{domain}")
        if i == 0:
            (folder / "forged.eml").write_bytes(bare)
            (folder / "forged").write_text(f"{folder}/forged.eml robin{i}@{domain}\n")
            (folder / "good").write_text(listed[0] + "\n")
    (folder / "list").write_text("\n".join(listed) + "\n")


main(pathlib.Path(sys.argv[1]))
