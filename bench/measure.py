"""What processes used: CPU from /proc/PID/stat, with that of children that have ended, and the sum of PSS."""
import os
import pathlib
import threading

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Name, parent, CPU seconds of the process and of its ended children."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    name = text[text.index("(") + 1:text.rindex(")")]
    fields = text[text.rindex(")") + 2:].split()
    return name, int(fields[1]), sum(map(int, fields[11:15])) / TICK


def processes():
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found[int(entry)] = _stat(int(entry))
            except (OSError, ValueError):
                pass
    return found


def tree(roots):
    """pid -> (name, CPU seconds) of these processes and all below them."""
    everyone = processes()
    inside = {pid for pid in roots if pid in everyone}
    grown = True
    while grown:
        more = {pid for pid, (_, parent, _) in everyone.items() if parent in inside} - inside
        inside |= more
        grown = bool(more)
    return {pid: (everyone[pid][0], everyone[pid][2]) for pid in inside}


def pss_mb(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


class PeakMemory:
    """Samples the sum of PSS while it is open."""

    def __init__(self, pids, interval=0.5):
        self.pids, self.interval, self.peak = pids, interval, 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.done.wait(self.interval):
            self.peak = max(self.peak, pss_mb(self.pids()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.peak = max(self.peak, pss_mb(self.pids()))
