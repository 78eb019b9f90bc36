"""A real Chromium without other software between: its DevTools protocol over two pipes, as JSON ended by NUL."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe"]


class Browser:
    """One window. `problems` collects what a developer would see in red, except answers that are no 2xx."""

    def __init__(self, width=1280, height=900, slow=1):
        self.profile = tempfile.mkdtemp(prefix="page-test-")
        self.slow, self.number, self.problems, self.requests = slow, 0, [], []
        self.buffer, self.answers = b"", {}
        to_them, self.to = os.pipe()
        self.back, from_them = os.pipe()

        def wire():
            high = os.dup(from_them)
            os.dup2(to_them, 3)
            os.dup2(high, 4)
        self.process = subprocess.Popen([PROGRAM, *OPTIONS, f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
                                         "about:blank"], preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_them)
        os.close(from_them)
        self.session = None
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(timeout=10)
        except Exception:  # it must end, however
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while self.number not in self.answers:
            self.read()
        answer = self.answers.pop(self.number)
        assert "error" not in answer, answer
        return answer["result"]

    def read(self):
        piece = os.read(self.back, 1 << 20)
        assert piece, "Chromium has ended"
        *whole, self.buffer = (self.buffer + piece).split(b"\0")
        for text in whole:
            self.take(json.loads(text))

    def take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
            return
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["text"] + str(params["exceptionDetails"].get("exception", "")))
        elif message["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(str(params["args"]))
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] == "error" and params["entry"]["source"] != "network":
            self.problems.append(params["entry"]["text"])
        elif message["method"] == "Page.javascriptDialogOpening":
            self.problems.append("dialog: " + params["message"])
        elif message["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def authenticator(self, verified=True):
        """A virtual one inside this device that keeps passkeys; `verified`: whether its owner proves to be who they are. Its id."""
        self.call("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": verified, "automaticPresenceSimulation": True}
        return self.call("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]

    def shoot(self, name):
        """What the window shows, as a picture in the folder that SEALDESK_PICTURES names; nothing without it."""
        if folder := os.environ.get("SEALDESK_PICTURES"):
            picture = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
            with open(os.path.join(folder, name + ".png"), "wb") as f:
                f.write(picture)

    def js(self, expression):
        """The value of a JavaScript expression; promises are waited for. The page's policy holds for what the page does, not for this."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression, seconds=10):
        end = time.monotonic() + seconds * self.slow
        while not (value := self.js(f"Boolean({expression})")):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}\n" + self.js("document.body.innerText") + str(self.problems)
            time.sleep(0.05)
        return value

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def focus(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")

    def type(self, selector, text):
        self.focus(selector)
        self.js(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def key(self, name, code, text=None):
        extra = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def press(self, label, within="body"):
        """A button by its words, with the keyboard: so it has the focus as a person's would."""
        found = self.js(f"(b => b && (b.focus(), true))([...document.querySelectorAll({json.dumps(within)} + ' button')]"
                        f".find(b => b.textContent === {json.dumps(label)} && b.offsetParent))")
        assert found, f"no button {label!r}: " + self.js("document.body.innerText")
        self.key("Enter", 13, "\r")

    def text(self, selector="body"):
        return self.js(f"document.querySelector({json.dumps(selector)}).innerText")
