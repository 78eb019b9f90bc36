"""Files and letters that tests send: made here, byte by byte, so that nobody has to believe where they come from."""
import email.message
import email.policy
import email.utils
import io
import struct
import zipfile
import zlib

CONTENT_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>
<Override PartName="/word/document.xml" ContentType="{main}"/></Types>"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1"
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"""
MACRO_RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1"
Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="vbaProject.bin"/></Relationships>"""
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
WORD_MACRO = "application/vnd.ms-word.document.macroEnabled"


def pdf(pages=1, text="Order 4711"):
    """A PDF of this many pages, each with a line of text."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", None, b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for i in range(pages):
        stream = f"BT /F1 24 Tf 72 700 Td ({text}, page {i + 1}) Tj ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
                       b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), pages)
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
            + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out)))


def packed(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def docx(paragraphs=("Order 4711",), macros=None):
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    main = (WORD_MACRO if macros else WORD) + ".main+xml"
    files = [("[Content_Types].xml", CONTENT_TYPES.format(main=main)), ("_rels/.rels", RELATIONS),
             ("word/document.xml", DOCUMENT.format(body=body))]
    if macros:
        files += [("word/_rels/document.xml.rels", MACRO_RELATIONS), ("word/vbaProject.bin", macros)]
    return packed(files)


def compressed_vba(source):
    """MS-OVBA 2.4.1: one chunk of literals."""
    tokens = b"".join(b"\0" + source[i:i + 8] for i in range(0, len(source), 8))
    return b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def ole(streams):
    """A compound file (MS-CFB, version 3) with these streams at its root, each at least 4096 bytes so that none is in the ministream."""
    sectors, fat, entries = [], [], []

    def add(content):
        first = len(sectors)
        parts = [content[i:i + 512].ljust(512, b"\0") for i in range(0, len(content), 512)]
        sectors.extend(parts)
        fat.extend([first + i + 1 for i in range(len(parts) - 1)] + [0xFFFFFFFE])
        return first
    for i, (name, content) in enumerate(streams):
        content = content.ljust(4096, b"\0")
        entries.append((name, 2, add(content), len(content), i + 2 if i + 1 < len(streams) else 0xFFFFFFFF))
    directory = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HBBIII", 2 * len(name) + 2, kind, 1, 0xFFFFFFFF, right, child)
        + bytes(36) + struct.pack("<IQ", start, size)
        for name, kind, start, size, right, child in
        [("Root Entry", 5, 0xFFFFFFFE, 0, 0xFFFFFFFF, 1), *[(n, k, s, z, r, 0xFFFFFFFF) for n, k, s, z, r in entries]])
    directory_at = add(directory.ljust(-(-len(directory) // 512) * 512, b"\0"))
    fat_at = len(sectors)
    fat.append(0xFFFFFFFD)
    assert len(fat) <= 128
    sectors.append(struct.pack("<128I", *fat, *[0xFFFFFFFF] * (128 - len(fat))))
    header = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
              + struct.pack("<IIIIIIIII", 0, 1, directory_at, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
              + struct.pack("<109I", fat_at, *[0xFFFFFFFF] * 108))
    return header + b"".join(sectors)


def docm():
    """A text document with a macro that runs when it is opened."""
    source = compressed_vba(b'Attribute VB_Name = "ThisDocument"\r\nSub AutoOpen()\r\nShell "calc.exe"\r\nEnd Sub\r\n')
    return docx(macros=ole([("ThisDocument", source), ("_VBA_PROJECT", b"\xcc\x61"), ("dir", compressed_vba(b"\x01\0\x04\0\0\0\x03\0\0\0"))]))


def encrypted_zip(name="order.txt", size=200):
    """An archive whose only file says that it is encrypted (APPNOTE 4.4.4, bit 0). What it holds is noise."""
    data = bytes((i * 89 + 17) & 255 for i in range(size + 12))
    fields = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x5A21, zlib.crc32(data), len(data), size, len(name), 0)
    local = b"PK\3\4" + fields + name.encode()
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name.encode()
    return local + data + central + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(data), 0)


def mail(subject, files=(), html=None, sender="kim@customer.example", to="support@desk.example", text="See the attachment.\r\n"):
    """A letter with CRLF line ends; files: (name, declared type, content)."""
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"], m["Date"] = sender, to, subject, email.utils.formatdate()
    m["Message-ID"] = email.utils.make_msgid(domain=sender.split("@")[1])
    m.set_content(text)
    if html is not None:
        m.add_alternative(html, subtype="html")
    for name, kind, content in files:
        maintype, subtype = kind.split("/")
        m.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return m.as_bytes()
