"""The QR code of an enrolment, drawn by a real browser and read by a scanner that others wrote."""
import base64
import shutil
import subprocess

import pytest

import browser
import desk

SCANNER = shutil.which("zbarimg")
OTPAUTH = ("otpauth://totp/Sealdesk:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
           "&issuer=Sealdesk&algorithm=SHA1&digits=6&period=30")

pytestmark = pytest.mark.skipif(not browser.PROGRAM or not SCANNER, reason="chromium or zbarimg is not installed")


@pytest.fixture(scope="module")
def window():
    window = browser.Browser(height=1300, slow=desk.SLOW)
    yield window
    window.close()


def picture(text):
    done = subprocess.run([desk.BUILD / "src/desk/desk_qr_test", text], capture_output=True, check=True)
    return done.stdout.decode()


def scanned(window, markup, side, path):
    """On a dark page, as wide as a phone's screen shows it."""
    window.js(f"document.body.style.background = '#123'; document.body.innerHTML = {markup!r}; "
              f"for (const e of document.body.children) e.style.width = e.style.height = '{side}px'; "
              "new Promise(done => setTimeout(done, 300))")
    shot = window.call("Page.captureScreenshot", format="png")
    path.write_bytes(base64.b64decode(shot["data"]))
    return subprocess.run([SCANNER, "--raw", "-q", str(path)], capture_output=True, text=True, timeout=60).stdout.rstrip("\n")


@pytest.mark.parametrize("text,side", [(OTPAUTH, 220), (OTPAUTH, 400), ("a", 220), (OTPAUTH + "&x=" + "y" * 880, 800)],
                         ids=["small", "large", "one-letter", "longest"])
def test_a_scanner_reads_what_was_written(window, tmp_path, text, side):
    assert scanned(window, picture(text), side, tmp_path / "inline.png") == text


def test_also_as_an_image_without_script_or_net(window, tmp_path):
    data = base64.b64encode(picture(OTPAUTH).encode()).decode()
    before = len(window.requests)
    assert scanned(window, f'<img src="data:image/svg+xml;base64,{data}">', 300, tmp_path / "image.png") == OTPAUTH
    assert all(url.startswith("data:") for url in window.requests[before:])
    assert not window.problems
