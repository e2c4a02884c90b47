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
import os
import pathlib
import subprocess
import sys
import tempfile
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(WORKSPACE / "tools/load"))
import pairs  # noqa: E402  the helpers of tools/load
import servers as bench  # noqa: E402

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


class Ours(pairs.Benchmark):
    def window(self, name, case):
        pattern, unit = CASES[case]
        row = self.row(pattern.format(OURS[name]))
        return row["real_time"] if unit == "ns" else row["items_per_second"] / 1e6


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
            self.peer = pairs.Peer("the Disruptor",
                                   ["java", "-Xms256m", "-Xmx256m", "-cp", f"{JAR}:{folder}", "DisruptorPeer"])
            self.callback(self.peer.stop)
            undo.pop_all()

    def window(self, name, case):
        return self.peer.ask(PEERS[name], case)

    def warm_up(self, cases, seconds):
        for case in cases:
            for name in PEERS:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    self.window(name, case)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pairs.add_arguments(parser, CASES)
    parser.add_argument("--warmup", type=float, default=2, metavar="SECONDS", help="of the JVM, for each case")
    return pairs.parse(parser, CASES)


def measure(options):
    ours = Ours(TARGET, options.duration)
    with Disruptor() as disruptor:
        disruptor.warm_up(options.cases, options.warmup)
        return pairs.measure(options.cases, [*OURS, *PEERS], options.rounds, options.seed,
                             lambda name, case: (ours if name in OURS else disruptor).window(name, case))


def facts():
    host = bench.host_facts()
    del host["fasthttp"], host["nice"]
    host["disruptor"] = pairs.version_of("libdisruptor-java")
    java = subprocess.run(["java", "-version"], capture_output=True, text=True)
    host["java"] = java.stderr.split("\n")[0]
    return host


if __name__ == "__main__":
    bench.end_cleanly_on_signals()
    try:
        units = {case: unit for case, (_, unit) in CASES.items()}
        pairs.run(parse_arguments(), facts(), measure, units, OURS, PEERS)
    except bench.Unusable as reason:
        sys.exit(f"compare.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
