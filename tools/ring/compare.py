#!/usr/bin/env python3
"""Our ring beside the LMAX Disruptor: short windows in random order, compared in pairs within a round.

    tools/install_packages load          libdisruptor-java and a JDK, once
    tools/ring/compare.py                all cases, about two minutes

The Disruptor runs the same traffic (DisruptorPeer.java): multi-producer sequencer, ring of 4096, 48 bytes of payload that
are written, read and counted for each event.  Its JVM stays up, so that what is measured was compiled long before.
Nothing is pinned.  Speed on a shared machine swings by factors within minutes, for both alike: the ratio of two windows of
one round is the figure to trust, and nearer to 1 than 8 % is a tie.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(WORKSPACE / "tools/load"))
import servers as bench  # noqa: E402  the helpers of tools/load

JAR = "/usr/share/java/disruptor.jar"
TARGET = "//runtime/ring:ring_buffer_bench"

# A case: our benchmark, for a consumer that spins and for one that may sleep, and how many of what is better.
CASES = {
    "1p1c": ("BM_ProducersToConsumer<{}>/1/manual_time", "M/s"),
    "3p1c": ("BM_ProducersToConsumer<{}>/3/manual_time", "M/s"),
    "batch64": ("BM_ClaimsOf64<{}>/manual_time", "M/s"),
    "ping_pong": ("BM_PingPong<{}>/real_time", "ns"),
}
OURS = {"fluxor": "Many", "fluxor, publishing to a sleeper": "ManyToASleeper"}
PEERS = {"disruptor, busy-spin": "busy_spin", "disruptor, yielding": "yielding"}


class Ours:
    """The benchmark as it ships, a process for each window."""

    def __init__(self, milliseconds):
        bench.bazel("build", "--config=opt", TARGET)
        root = pathlib.Path(bench.bazel("info", "--config=opt", "execution_root"))
        path = bench.bazel("cquery", "--config=opt", "--output=starlark",
                           "--starlark:expr=target.files_to_run.executable.path", TARGET)
        self.binary = root / path
        self.seconds = milliseconds / 1e3

    def window(self, name, case):
        pattern, unit = CASES[case]
        wanted = pattern.format(OURS[name])
        command = [self.binary, f"--benchmark_filter=^{wanted}$", f"--benchmark_min_time={self.seconds}",
                   "--benchmark_format=json"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        rows = json.loads(result.stdout)["benchmarks"] if result.returncode == 0 and result.stdout else []
        if len(rows) != 1 or rows[0].get("error_occurred"):
            raise bench.Unusable(f"{wanted}: {result.stderr.strip()[-400:] or 'no result'}")
        return rows[0]["real_time"] if unit == "ns" else rows[0]["items_per_second"] / 1e6


class Disruptor(contextlib.ExitStack):
    """One JVM for all windows; its source is compiled into a folder that goes with it."""

    def __init__(self):
        super().__init__()
        if not os.path.exists(JAR):
            raise bench.Unusable(f"there is no {JAR}: tools/install_packages load")
        with contextlib.ExitStack() as undo:
            undo.push(self)
            folder = self.enter_context(tempfile.TemporaryDirectory())
            source = WORKSPACE / "tools/ring/DisruptorPeer.java"
            compiled = subprocess.run(["javac", "-cp", JAR, "-d", folder, str(source)], capture_output=True, text=True)
            if compiled.returncode != 0:
                raise bench.Unusable(f"javac failed:\n{compiled.stderr}")
            self.process = subprocess.Popen(["java", "-Xms256m", "-Xmx256m", "-cp", f"{JAR}:{folder}", "DisruptorPeer"],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.callback(self.stop)
            undo.pop_all()

    def window(self, name, case):
        self.process.stdin.write(f"{PEERS[name]} {case}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise bench.Unusable(f"the Disruptor died with {self.process.wait()} in {case}")
        return float(answer)

    def warm_up(self, cases, seconds):
        for case in cases:
            for name in PEERS:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    self.window(name, case)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def spread(values):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "q1": low, "q3": high}


def ratios(samples, ours, peer, unit):
    """Median and quartiles over rounds of how many times better ours is than the peer: above 1 is ahead."""
    pairs = zip(samples[ours], samples[peer])
    return spread([theirs / mine if unit == "ns" else mine / theirs for mine, theirs in pairs])


def shown(values, digits):
    return f"{values['median']:.{digits}f} [{values['q1']:.{digits}f} {values['q3']:.{digits}f}]"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), metavar="A,B", help="of " + ", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--duration", type=int, default=200, metavar="MS", help="of a window of ours")
    parser.add_argument("--warmup", type=float, default=2, metavar="SECONDS", help="of the JVM, for each case")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help="of the order")
    parser.add_argument("--json", metavar="FILE", help="all samples and the summary")
    options = parser.parse_args()
    options.cases = options.cases.split(",")
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    return options


def measure(options):
    """The samples by case and name, one for each round."""
    order = random.Random(options.seed)
    ours = Ours(options.duration)
    names = [*OURS, *PEERS]
    samples = {case: {name: [] for name in names} for case in options.cases}
    with Disruptor() as disruptor:
        disruptor.warm_up(options.cases, options.warmup)
        for number in range(options.rounds):
            if sys.stderr.isatty():
                print(f"\rround {number + 1} of {options.rounds} ", end="", file=sys.stderr, flush=True)
            for case in order.sample(options.cases, len(options.cases)):
                for name in order.sample(names, len(names)):
                    samples[case][name].append((ours if name in OURS else disruptor).window(name, case))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return samples


def facts():
    host = bench.host_facts()
    del host["fasthttp"], host["nice"]
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libdisruptor-java"], capture_output=True, text=True)
    host["disruptor"] = version.stdout or "?"
    java = subprocess.run(["java", "-version"], capture_output=True, text=True)
    host["java"] = java.stderr.split("\n")[0]
    return host


def run(options):
    host = facts()
    for fact, value in host.items():
        print(f"{fact}: {value}")
    print(f"command: {shlex.join(sys.argv)}")
    print(f"{options.rounds} rounds, seed {options.seed}")
    samples = measure(options)
    summary = {}
    for case, rows in samples.items():
        unit = CASES[case][1]
        print(f"\n{case}, {unit}: median [quartiles]")
        summary[case] = {"unit": unit, "rows": {name: spread(values) for name, values in rows.items()}, "ahead": {}}
        for name, values in summary[case]["rows"].items():
            print(f"  {name:<34} {shown(values, 1):>28}")
        for mine in OURS:
            for peer in PEERS:
                ahead = ratios(rows, mine, peer, unit)
                summary[case]["ahead"][f"{mine} / {peer}"] = ahead
                print(f"  {'times better: ' + mine + ' / ' + peer:<70} {shown(ahead, 2):>20}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"host": host, "command": shlex.join(sys.argv), "seed": options.seed, "summary": summary,
                       "samples": samples}, out, indent=1)


if __name__ == "__main__":
    bench.end_cleanly_on_signals()
    try:
        run(parse_arguments())
    except bench.Unusable as reason:
        sys.exit(f"compare.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
