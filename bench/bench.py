"""Runs the systems one after another under the same load and prints what came out. Called by run.sh, inside its namespaces."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import measure
import systems

CLIENT, STRANGER = "198.51.100.10", "198.51.100.200"  # one that the senders' SPF allows, one that it does not
SESSIONS = (20, 100)
WARM_SECONDS = 1.5
SETTLE_SECONDS = 300
QUIET_SECONDS = 10
IDLE_LIMIT_MB = 120


class Bench:
    def __init__(self, args):
        self.build = pathlib.Path(args.build)
        self.work = self.build / "bench-work"
        self.corpus = self.work / "corpus"
        self.seconds, self.runs = (3, 1) if os.environ.get("QUICK") else (8, 3)
        self.folders = 0
        (self.work / "log").mkdir(exist_ok=True)
        for address in (systems.ADDRESS, CLIENT, STRANGER):
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.disk = self.work / "disk"
        self.disk_kind = self.make_disk(args.disk)

    def make_disk(self, kind):
        """A file system of its own for what all systems store: what happened on the machine's disk before decides nothing."""
        subprocess.run(["rm", "-rf", str(self.disk)], check=True)
        self.disk.mkdir()
        image = self.work / "disk.img"
        image.unlink(missing_ok=True)
        if kind != "plain":
            with open(image, "wb") as f:
                f.truncate(16 << 30)
            make = ["mkfs.ext4", "-q", "-F", str(image)] if kind == "ext4" else self.mkfs_xfs(image)
            if subprocess.run(make, capture_output=True).returncode == 0 and \
                    subprocess.run(["mount", "-o", "loop,noatime", str(image), str(self.disk)], capture_output=True).returncode == 0:
                self.disk.chmod(0o755)
                return kind
            image.unlink(missing_ok=True)
        return "plain"

    def mkfs_xfs(self, image):
        """xfsprogs came with the peer."""
        upper = self.work / "peer/upper/usr"
        libraries = ":".join(map(str, (upper / "lib").glob("*-linux-gnu")))
        return ["env", f"LD_LIBRARY_PATH={libraries}", str(upper / "sbin/mkfs.xfs"), "-q", "-f", str(image)]

    def new_folder(self, name):
        self.folders += 1
        folder = self.disk / f"{self.folders:02d}-{name}"
        folder.mkdir()
        return folder

    def load(self, system, letters, source, *more):
        done = subprocess.run([str(self.build / "bench/bench-load"), "--to", f"{systems.ADDRESS}:{system.port}", "--from", source,
                               "--rcpt", systems.RECIPIENT, "--list", str(self.corpus / letters), *map(str, more)],
                              capture_output=True, text=True)
        if not done.stdout:
            raise SystemExit(f"bench: load: {done.stderr}")
        result = json.loads(done.stdout)
        system.accepted += result["accepted"]
        return result

    def parts(self):
        program = self.build / "bench/bench-parts"
        done = subprocess.run([str(program), str(self.corpus), "--json"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: parts: {done.stderr}")
        return json.loads(done.stdout.replace("\n", ""))

    # ---- one system, one repetition ----

    def settle(self, system):
        """Waits until everything accepted since the start is where it belongs, or nothing more comes there."""
        quiet_since, last = time.monotonic(), None
        end = quiet_since + SETTLE_SECONDS
        while (kept := system.kept()) is not None and not (kept >= system.accepted and system.settled()):
            if kept != last:
                quiet_since, last = time.monotonic(), kept
            if time.monotonic() > end or (time.monotonic() - quiet_since > QUIET_SECONDS and system.settled()):
                return  # what is missing is reported as lost
            time.sleep(0.1)

    def check(self, system):
        """That the work is done: a good letter is taken; one in the same name from a stranger's address, unsigned, is refused."""
        good = self.load(system, "good", CLIENT, "--sessions", 1, "--count", 1)
        if good["accepted"] != 1:
            raise SystemExit(f"bench: {system.name} refused a good letter: {good['failure']}")
        if not system.deferred:
            return
        bad = self.load(system, "forged", STRANGER, "--sessions", 1, "--count", 1)
        if bad["refused"] != 1 or not bad["failure"].startswith("5"):
            raise SystemExit(f"bench: {system.name} took a forged letter, or failed: {bad['failure']}")
        self.settle(system)
        if isinstance(system, systems.Peer):
            system.check_stored()

    def measure(self, system, sessions):
        system.check_alive()
        before, start = system.cpu(), time.monotonic()
        with measure.PeakMemory(system.pids) as memory:
            result = self.load(system, "list", CLIENT, "--sessions", sessions, "--seconds", self.seconds)
            self.settle(system)
            done = time.monotonic() - start
        system.check_alive()
        after = system.cpu()
        n = max(result["accepted"], 1)
        result["done_rate"] = n / done if system.deferred else result["rate"]
        result["cpu_ms"] = (sum(after.values()) - sum(before.values())) / n * 1e3
        result["cpu_ms_by_role"] = {role: (after[role] - before.get(role, 0)) / n * 1e3 for role in sorted(after)}
        result["load_cpu_ms"] = result["load_cpu_s"] / n * 1e3
        result["peak_pss_mb"] = memory.peak
        return result

    def repetition(self, system):
        system.start()
        system.accepted = system.kept() or 0  # a store that is used again has what earlier repetitions left
        time.sleep(2)
        found = {"idle_pss_mb": measure.pss_mb(system.pids())}
        self.check(system)
        self.load(system, "list", CLIENT, "--sessions", 20, "--seconds", WARM_SECONDS)
        self.settle(system)
        for sessions in SESSIONS:
            found[sessions] = self.measure(system, sessions)
        found["accepted"] = system.accepted
        found["lost"] = None if system.kept() is None else system.accepted - system.kept()
        found["idle_after_pss_mb"] = measure.pss_mb(system.pids())
        system.stop()
        return found


# ---- the tables ----

def median(runs, *path):
    values = []
    for run in runs:
        for key in path:
            run = run[key]
        values.append(run)
    return statistics.median(values)


def print_rates(found, sessions):
    print(f"\n{sessions} sessions, a connection per message       msg/s   done/s  CPU ms/msg   dot-to-250 ms p50    p99   peak MB (PSS)")
    for name, runs in found.items():
        m = lambda key: median(runs, sessions, key)
        print(f"  {LABELS[name]:40s} {m('rate'):8.0f} {m('done_rate'):8.0f} {m('cpu_ms'):11.3f} {m('dot_p50_ms'):19.2f}"
              f" {m('dot_p99_ms'):6.1f} {m('peak_pss_mb'):15.1f}")


def print_roles(found):
    print("\nCPU ms/msg by process" + "".join(f"{s:>10d} sessions" for s in SESSIONS))
    for name, runs in found.items():
        roles = runs[0][SESSIONS[0]]["cpu_ms_by_role"]
        for role in sorted(roles, key=lambda r: -roles[r]):
            numbers = [statistics.median(run[s]["cpu_ms_by_role"].get(role, 0) for run in runs) for s in SESSIONS]
            print(f"  {name:9s} {role:12s}" + "".join(f"{n:19.3f}" for n in numbers))


def ratio(found, over, under, key, sessions):
    """Of two systems within one repetition; the median over the repetitions."""
    return statistics.median(a[sessions][key] / b[sessions][key] for a, b in zip(found[over], found[under]))


def ratios(found):
    made = {}
    for s in SESSIONS:
        if "floor" in found and "sealdesk" in found:
            made[f"CPU, Sealdesk to floor, {s} sessions"] = ratio(found, "sealdesk", "floor", "cpu_ms", s)
            made[f"rate, Sealdesk to floor, {s} sessions"] = ratio(found, "sealdesk", "floor", "rate", s)
        if "postfix" in found and "sealdesk" in found:
            made[f"rate, Sealdesk to Postfix, {s} sessions"] = ratio(found, "sealdesk", "postfix", "rate", s)
            made[f"done rate, Sealdesk to Postfix, {s} sessions"] = ratio(found, "sealdesk", "postfix", "done_rate", s)
            made[f"CPU, Postfix to Sealdesk, {s} sessions"] = ratio(found, "postfix", "sealdesk", "cpu_ms", s)
    return made


LABELS = {"floor": "floor: RSA, hash, AES, append, SMTP", "sealdesk": "Sealdesk", "postfix": "Postfix + OpenDKIM + OpenDMARC"}


def print_all(bench, found):
    print(f"Medians of {bench.runs} run(s) of {bench.seconds} s, {os.cpu_count()} CPUs shared with the load, storage: {bench.disk_kind}; "
          "10 KB letters, RSA-2048")
    for sessions in SESSIONS:
        print_rates(found, sessions)
    print_roles(found)
    print("\nratios within one run")
    for name, value in ratios(found).items():
        print(f"  {name:45s} {value:8.2f}")
    print("\nidle memory, MB (sum of PSS)       before     after the load")
    for name, runs in found.items():
        print(f"  {name:28s} {median(runs, 'idle_pss_mb'):10.1f} {median(runs, 'idle_after_pss_mb'):18.1f}")
    for name, runs in found.items():
        refused = sum(run[s]["refused"] for run in runs for s in SESSIONS)
        lost = [run["lost"] for run in runs if run["lost"]]
        if refused or lost:
            print(f"\n{name}: {refused} refused under load ({[run[s]['failure'] for run in runs for s in SESSIONS if run[s]['failure']][:1]}), "
                  f"accepted but not found afterwards per run: {lost}")
    if "sealdesk" in found:
        idle = median(found["sealdesk"], "idle_pss_mb")
        print(f"\nSealdesk idle: {idle:.1f} MB, limit {IDLE_LIMIT_MB} MB: {'kept' if idle < IDLE_LIMIT_MB else 'NOT KEPT'}")


def chosen(args, bench):
    kinds = {"floor": systems.Floor, "sealdesk": systems.Sealdesk, "peer": systems.Peer}
    wanted = args.only.split(",")
    if not (bench.work / "peer/installed").exists() and "peer" in wanted:
        wanted.remove("peer")
    return [kinds[name](bench) for name in wanted]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--json")
    parser.add_argument("--only", default="floor,sealdesk,peer")
    parser.add_argument("--disk", default="xfs", choices=("xfs", "ext4", "plain"))
    args = parser.parse_args()
    bench = Bench(args)
    under_test = chosen(args, bench)
    found = {system.name: [] for system in under_test}
    for run in range(bench.runs):
        for system in under_test:
            print(f"run {run + 1} of {bench.runs}: {system.name} ...", file=sys.stderr, flush=True)
            try:
                found[system.name].append(bench.repetition(system))
            finally:
                system.stop()
    print_all(bench, found)
    parts = bench.parts()
    print("\nparts alone, one thread, microseconds of CPU per letter")
    for name, ns in parts.items():
        print(f"  {name:32s} {ns / 1e3:10.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"seconds": bench.seconds, "cpus": os.cpu_count(), "disk": bench.disk_kind,
                                                       "ratios": ratios(found), "runs": found, "parts_ns": parts}, indent=1) + "\n")


main()
