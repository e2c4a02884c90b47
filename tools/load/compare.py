#!/usr/bin/env python3
"""Fluxor beside its peers: short windows in random order, compared in pairs within a round.  See README.md."""
import argparse
import json
import math
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile

import pairs
import servers as bench

# What is asked, and the flags of the load generator.
SCENARIOS = {
    "plaintext64": ("hello", ["--connections=64"]),
    "pipelined16": ("hello", ["--connections=64", "--pipeline=16"]),
    "c256": ("hello", ["--connections=256"]),
    "c1000": ("hello", ["--connections=1000"]),
    "status": ("status", ["--connections=64"]),
    "echo": ("echo", ["--connections=64"]),
    "rate20k": ("hello", ["--connections=64", "--rate=20000", "--tick=200"]),
}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Bench:
    """Runs windows and keeps what they gave."""

    def __init__(self, running, requests, options):
        self.running = running
        self.requests = requests
        self.options = options
        self.samples = []
        self.failures = []

    def window(self, round_number, scenario, name, duration):
        route, flags = SCENARIOS[scenario]
        server = self.running.by_name[name][route]
        warmup = self.options.warmup
        command = [self.running.generator, f"--port={server.port}", f"--watch={server.pid}",
                   f"--warmup={warmup}", f"--duration={duration}", f"--request={self.requests[route]}", *flags]
        try:
            result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                    timeout=(warmup + duration) / 1e3 + 30, preexec_fn=bench.pin(bench.CLIENT_CPU))
        except subprocess.TimeoutExpired:
            result = None
        if result is None or result.returncode != 0:
            if server.process.poll() is not None:
                raise bench.Unusable(f"{name} died with {server.process.returncode} under {scenario}")
            reason = "timed out" if result is None else result.stderr.strip() or result.stdout.strip()
            self.failures.append(f"round {round_number}, {scenario}, {name}: no sample: {reason}")
            return
        if round_number:
            sample = json.loads(result.stdout)
            sample.update(round=round_number, scenario=scenario, server=name)
            if sample["watched"]["cpu_ns"] == 0:
                raise bench.Unusable("this kernel counts no time in /proc/PID/task/TID/schedstat")
            sample["cpu_us"] = sample["watched"]["cpu_ns"] / 1e3 / sample["completed"]
            sample["busy"] = sample["watched"]["cpu_ns"] / 1e9 / sample["seconds"]
            sample["client_busy"] = sample["client_cpu_ns"] / 1e9 / sample["seconds"]
            self.samples.append(sample)

    def rounds(self, scenarios, seed):
        order = random.Random(seed)
        names = list(self.running.by_name)
        first = min(300, self.options.duration)
        for number in range(self.options.rounds + 1):  # round 0 warms up and is not counted
            pairs.show_round(number, self.options.rounds)
            for scenario in order.sample(scenarios, len(scenarios)):
                # The windows of one scenario follow each other directly: what is paired is close in time.
                for name in order.sample(names, len(names)):
                    self.window(number, scenario, name, self.options.duration if number else first)
        pairs.rounds_over()

    def of(self, scenario, name):
        return [sample for sample in self.samples if (sample["scenario"], sample["server"]) == (scenario, name)]

    def summary(self, scenario, name):
        samples = self.of(scenario, name)
        if not samples:
            return None
        median = lambda of: statistics.median(map(of, samples))
        user = sum(sample["watched"]["user_ticks"] for sample in samples)
        ticks = user + sum(sample["watched"]["system_ticks"] for sample in samples)
        share = user / ticks if ticks else 0
        cpu = median(lambda sample: sample["cpu_us"])
        return {
            "windows": len(samples),
            "window_seconds": sum(sample["seconds"] for sample in samples),
            "rps": median(lambda sample: sample["rps"]),
            "rps_max": max(sample["rps"] for sample in samples),
            "p50_us": median(lambda sample: sample["latency_us"]["p50"]),
            "p99_us": median(lambda sample: sample["latency_us"]["p99"]),
            "cpu_us": cpu,
            "cpu_us_min": min(sample["cpu_us"] for sample in samples),
            "user_us": cpu * share,
            # One standard error of a share sampled by ticks.
            "user_us_error": cpu * math.sqrt(share * (1 - share) / ticks) if ticks else 0,
            "busy": median(lambda sample: sample["busy"]),
            "client_busy": median(lambda sample: sample["client_busy"]),
            "threads": max(sample["watched"]["threads"] for sample in samples),
            "refused": sum(sample["responses"]["503"] for sample in samples),
            "overdue": sum(sample["overdue"] for sample in samples),
            "errors": sum(sum(sample["errors"].values()) + sample["responses"]["other"] for sample in samples),
        }

    def ratio(self, scenario, name, peer, what):
        """Median and quartiles over rounds of name/peer, each pair from one round."""
        mine, theirs = ({sample["round"]: sample[what] for sample in self.of(scenario, one)} for one in (name, peer))
        quotients = [mine[number] / theirs[number] for number in mine.keys() & theirs.keys()]
        return {**pairs.spread(quotients), "pairs": len(quotients)} if len(quotients) >= 2 else None


def print_scenario(scenario, rows):
    print(f"\n{scenario}: {' '.join(SCENARIOS[scenario][1])}")
    print(f"  {'server':<10} {'req/s':>8} {'p50 us':>8} {'p99 us':>8} {'CPU us/req':>10} {'min':>7} "
          f"{'user us/req':>14} {'busy':>5} {'client':>6} {'503':>6} {'overdue':>7} {'errors':>6}")
    for name, row in rows.items():
        if row is None:
            print(f"  {name:<10} no samples")
            continue
        print(f"  {name:<10} {row['rps']:>8.0f} {row['p50_us']:>8.1f} {row['p99_us']:>8.1f} {row['cpu_us']:>10.3f} "
              f"{row['cpu_us_min']:>7.3f} {row['user_us']:>7.3f} ±{row['user_us_error']:.3f} {row['busy']:>5.0%} "
              f"{row['client_busy']:>6.0%} {row['refused']:>6} {row['overdue']:>7} {row['errors']:>6}")


def print_ratios(ratios):
    print("\nPaired within a round: median [quartiles]; a median nearer to 1 than 8 % is a tie.")
    print(f"  {'':<24} {'scenario':<12} {'CPU/request':>22} {'of the minima':>14} {'requests/s':>22}")
    shown = lambda ratio: pairs.shown(ratio, 2) if ratio else "-"
    for row in ratios:
        minima = f"{row['cpu_minima']:.2f}" if row["cpu_minima"] else "-"
        print(f"  {row['server'] + ' / ' + row['peer']:<24} {row['scenario']:<12} {shown(row['cpu']):>22} {minima:>14} "
              f"{shown(row['rps']):>22}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=bench.chosen, default=list(bench.NAMES), metavar="A,B",
                        help="of " + ", ".join(bench.NAMES))
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), metavar="A,B",
                        help="of " + ", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--duration", type=int, default=750, metavar="MS", help="of a window")
    parser.add_argument("--warmup", type=int, default=150, metavar="MS", help="load before each window")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help="of the order")
    parser.add_argument("--fluxor-binary", metavar="FILE", help="instead of //:server")
    parser.add_argument("--json", metavar="FILE", help="all samples and the summary")
    options = parser.parse_args()
    options.scenarios = options.scenarios.split(",")
    unknown = [scenario for scenario in options.scenarios if scenario not in SCENARIOS]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def run(options):
    bench.require_two_cpus()
    host = bench.host_facts()
    with bench.Servers(options.servers, options.fluxor_binary) as running, tempfile.TemporaryDirectory() as folder:
        for fact, value in host.items():
            print(f"{fact}: {value}")
        print(f"command: {shlex.join(sys.argv)}")
        print(f"{options.rounds} rounds of {options.duration} ms windows, seed {options.seed}; "
              f"servers on CPU {bench.SERVER_CPU}, load generator on CPU {bench.CLIENT_CPU}")
        print("answers, head+body:")
        routes = {SCENARIOS[scenario][0] for scenario in options.scenarios}
        for route in sorted(routes):
            print("  " + running.check_equal_answers(route))
        requests = {route: os.path.join(folder, route) for route in routes}
        for route, file in requests.items():
            with open(file, "wb") as out:
                out.write(bench.ROUTES[route])

        measured = Bench(running, requests, options)
        measured.rounds(options.scenarios, options.seed)
        warn_about_loops(running)

    summary = {scenario: {name: measured.summary(scenario, name) for name in running.by_name}
               for scenario in options.scenarios}
    for scenario, rows in summary.items():
        print_scenario(scenario, rows)
    rests_on = sum(sample["seconds"] for sample in measured.samples) / (len(running.by_name) * len(options.scenarios))
    print(f"\nuser us/req rests on {rests_on:.1f} s of windows in each row (± is one standard error; user and system\n"
          f"time are told apart in ticks of 1/{TICKS_PER_SECOND} s, so it takes 60 s for two digits).")

    first = next(iter(running.by_name))
    ratios = []
    for peer in list(running.by_name)[1:]:
        for scenario in options.scenarios:
            mine, theirs = summary[scenario][first], summary[scenario][peer]
            ratios.append({"server": first, "peer": peer, "scenario": scenario,
                           "cpu": measured.ratio(scenario, first, peer, "cpu_us"),
                           "cpu_minima": mine["cpu_us_min"] / theirs["cpu_us_min"] if mine and theirs else None,
                           "rps": measured.ratio(scenario, first, peer, "rps")})
    if ratios:
        print_ratios(ratios)
    for failure in measured.failures:
        print(failure)
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"host": host, "command": shlex.join(sys.argv), "seed": options.seed, "rounds": options.rounds,
                       "duration_ms": options.duration, "summary": summary, "ratios": ratios,
                       "failures": measured.failures, "samples": measured.samples}, out, indent=1)


def warn_about_loops(running):
    """Fluxor should see by itself that it has one CPU."""
    if "fluxor" not in running.by_name:
        return
    try:
        loops = json.loads(running.by_name["fluxor"]["status"].ask("status").body).get("loops", "no number of")
    except (ValueError, AttributeError):
        loops = "no number of"
    if loops != 1:
        print(f"note: fluxor is pinned to one CPU and reports {loops} loops, not 1")


if __name__ == "__main__":
    bench.end_cleanly_on_signals()
    try:
        run(parse_arguments())
    except bench.Unusable as reason:
        sys.exit(f"compare.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
