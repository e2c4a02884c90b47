#!/usr/bin/env python3
"""Our tasks and verticles beside actors of CAF 0.17: short windows in random order, compared in pairs within a round.

    tools/install_packages load          libcaf-dev, once
    tools/task/compare.py                all cases, about a minute

spawn_join  a batch of 100 that end at once, each joined: tasks by their scope, actors by monitors of their parent
hop_1       one that goes to the back of its loop's queue again and again: a wake-up; a message to itself
hop_16      the same for 16 at a time
restart     one that throws as soon as it runs, and is there again: a verticle by its supervisor, an actor by who monitors it
mass        100 000 that are deployed, or spawned, and ended, each

One thread each: a loop with its statistics on; CAF's scheduler with one worker (caf_peer.cc, compiled here with -O2).
What is alike is the work that is asked for, not all that is given: an actor has an address and a mailbox, a task has a
scope that it cannot outlive.  Nothing is pinned; the ratio of two windows of one round is the figure to trust, and
nearer to 1 than 8 % is a tie.
"""
import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(WORKSPACE / "tools/load"))
import pairs  # noqa: E402  the helpers of tools/load
import servers as bench  # noqa: E402

HEADER = "/usr/include/caf/all.hpp"

# A case, as caf_peer.cc knows it, and our benchmark.
TASKS, VERTICLES = "//runtime/task:scope_bench", "//runtime/verticle:verticle_bench"
CASES = {
    "spawn_join": (TASKS, "BM_SpawnAndJoin/100"),
    "hop_1": (TASKS, "BM_ThroughTheReadyQueue/1"),
    "hop_16": (TASKS, "BM_ThroughTheReadyQueue/16"),
    "restart": (VERTICLES, "BM_CrashesInARow/real_time"),
    "mass": (VERTICLES, "BM_DeployAndUndeploy/verticles:100000/loops:1/real_time"),
}


@contextlib.contextmanager
def caf():
    """One process for all windows, compiled into a folder that goes with it."""
    if not os.path.exists(HEADER):
        raise bench.Unusable(f"there is no {HEADER}: tools/install_packages load")
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "caf_peer")
        command = ["clang++-19", "-std=c++17", "-O2", "-DNDEBUG", "-o", binary,
                   str(WORKSPACE / "tools/task/caf_peer.cc"), "-lcaf_core"]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode != 0:
            raise bench.Unusable(f"{command[0]} failed:\n{compiled.stderr}")
        peer = pairs.Peer("CAF", [binary])
        try:
            yield peer
        finally:
            peer.stop()


def measure(options):
    ours = {target: pairs.Benchmark(target, options.duration) for target in (TASKS, VERTICLES)}
    with caf() as peer:
        windows = {"fluxor": lambda case: 1e9 / ours[CASES[case][0]].row(CASES[case][1])["items_per_second"],
                   "caf": lambda case: peer.ask(case, options.duration)}
        for case in options.cases:  # what a process does for the first time is not counted
            windows["caf"](case)
        return pairs.measure(options.cases, list(windows), options.rounds, options.seed,
                             lambda name, case: windows[name](case))


def facts():
    host = bench.host_facts()
    del host["fasthttp"], host["nice"]
    host["caf"] = pairs.version_of("libcaf-dev")
    return host


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pairs.add_arguments(parser, CASES)
    return pairs.parse(parser, CASES)


if __name__ == "__main__":
    bench.end_cleanly_on_signals()
    try:
        pairs.run(parse_arguments(), facts(), measure, dict.fromkeys(CASES, "ns"), ["fluxor"], ["caf"])
    except bench.Unusable as reason:
        sys.exit(f"compare.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
