"""HTML of letters, made safe, in a real browser: it makes of it what was meant, and nothing else happens."""
import email
import email.policy
import html.parser
import json
import pathlib
import subprocess

import pytest

import browser
import desk

pytestmark = pytest.mark.skipif(not browser.PROGRAM, reason="chromium is not installed")

FILTER = desk.BUILD / "src/mail/mail_html_clean_filter"
CORPORA = pathlib.Path(__file__).parents[3] / "shared/corpora"
VOID = {"br", "hr"}
KNOWN = [
    "<img src=x onerror=hit()><script>hit()</script><svg onload=hit()><iframe srcdoc='<script>parent.hit()</script>'></iframe>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=hit()&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=hit()>",
    "<noscript><p title=\"</noscript><img src=x onerror=hit()>\"></noscript>",
    "<svg></p><style><a id=\"</style><img src=1 onerror=hit()>\">",
    "<table><caption><svg><desc><table><caption></caption></table></desc></svg></caption></table><b><p>x<table><tr><td><b>y",
    "<a href=http://x.example/><table><tr><td><a href=http://y.example/>z</table><p><div><ul><li><div><li>q<h1><h2>r",
    "<select><template><style><!--</style><a rel=\"--></style></template></select><img id=x src onerror=hit()>\">",
    "<pre>\n\n x</pre><listing>\n y</listing><xmp></xmp><img src=x onerror=hit()><textarea></textarea><title></title>",
    "<p><button><p><b><button><b><font><a href='http://h/'><font><nobr><b><nobr><i><p>formatting<table><td><b></table>more",
    "<div style='background:url(http://127.0.0.1:9/x);position:fixed;width:100%;color:red'>s</div><link rel=prefetch href=//x/>",
    "<body background=http://127.0.0.1:9/b onload=hit()><video src=http://127.0.0.1:9/v poster=http://127.0.0.1:9/p autoplay>",
    "<form name=body><input name=innerHTML></form><a name=getElementById id=cookie>clobber</a><img name=forms>",
]
LOOK = """(clean => {
    const box = document.querySelector('#box'), tree = [];
    const same = html => html.replace(/(<pre[^>]*>)\\n+/g, '$1'); // a browser drops one line end there each time
    const walk = (node, depth) => { for (const e of node.children) { tree.push([depth, e.localName]); walk(e, depth + 1); } };
    box.innerHTML = clean;
    walk(box, 0);
    const first = box.innerHTML, named = Object.keys(window).filter(k => !known.has(k));
    box.innerHTML = first;
    const outside = [...box.querySelectorAll('*')].filter(e => !['static', ''].includes(getComputedStyle(e).position)).length;
    return {tree, stable: same(first) === same(box.innerHTML), text: box.textContent, outside, named};
})"""


class Tree(html.parser.HTMLParser):
    """Start tags with their depth, and the text, of what the filter writes: all its elements are closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.depth, self.tree, self.text = 0, [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tree.append([self.depth, tag])
        self.depth += tag not in VOID

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_data(self, data):
        self.text += data


def cleaned(documents):
    joined = b"".join(d.replace("\0", "").encode("utf-8", "replace") + b"\0" for d in documents)
    answer = subprocess.run([FILTER], input=joined, capture_output=True, check=True).stdout
    return [d.decode() for d in answer.split(b"\0")[:-1]]


def payloads():
    path = CORPORA / "html-sanitizer/dompurify-cases.json"
    return [case["payload"] for case in json.loads(path.read_text())] if path.exists() else []


def letters():
    for path in sorted((CORPORA / "spamassassin-public/data").glob("*/*")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
        for part in message.walk():
            if part.get_content_type() == "text/html" and (content := part.get_payload(decode=True)):
                yield content.decode("latin-1")


@pytest.fixture(scope="module")
def page():
    window = browser.Browser(slow=desk.SLOW)
    window.go("data:text/html,<!doctype html><title>t</title><div id=box></div>")
    window.js("window.hits = 0; window.hit = () => window.hits++; window.known = null; window.known = new Set(Object.keys(window)); 0")
    yield window
    window.close()


def check(page, documents):
    before = len(page.requests)
    for written, clean in zip(documents, cleaned(documents), strict=True):
        seen = page.js(f"{LOOK}({json.dumps(clean)})")
        meant = Tree(clean)
        assert seen["tree"] == meant.tree, (written, clean)
        assert seen["stable"] and not seen["outside"] and not seen["named"], (written, clean, seen)
        lines = meant.text.replace("\n", "")
        assert seen["text"].replace("\n", "") == lines, (written, clean)
    page.js("new Promise(done => setTimeout(done, 300))")
    assert page.js("window.hits") == 0
    assert page.requests[before:] == []
    assert page.problems == []


def test_what_is_known_to_have_deceived_others(page):
    check(page, KNOWN)


def test_payloads_against_sanitisers(page):
    if not (cases := payloads()):
        pytest.skip("no corpus html-sanitizer")
    check(page, cases)


def test_letters(page):
    if not (documents := list(letters())):
        pytest.skip("no corpus spamassassin-public")
    check(page, documents)
