"""What a newcomer sees."""
import json
import subprocess

import desk


def test_demo_once_is_true_and_quick():
    done = subprocess.run([desk.SEALDESK, "demo", "--once", "--json"], capture_output=True, text=True, timeout=90 * desk.SLOW)
    story = json.loads(done.stdout)
    assert [s for s in story["steps"] if not s["ok"]] == []
    assert story["ok"] and done.returncode == 0
    assert {"first-contact", "imitator", "claim", "verify", "who-can", "step-up", "auditor", "forged-log"} <= {s["name"] for s in story["steps"]}
    assert done.stderr == ""  # no log lines of the tools between the story's
    assert sum(s["ms"] for s in story["steps"]) < 45000 * desk.SLOW
