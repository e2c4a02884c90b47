"""Windows of several contestants in random order, and how they compare within a round."""
import json
import pathlib
import random
import shlex
import statistics
import subprocess
import sys

import servers as bench


class Benchmark:
    """A google-benchmark of ours as it ships, a process for each window."""

    def __init__(self, target, milliseconds):
        bench.bazel("build", "--config=opt", target)
        root = pathlib.Path(bench.bazel("info", "--config=opt", "execution_root"))
        path = bench.bazel("cquery", "--config=opt", "--output=starlark",
                           "--starlark:expr=target.files_to_run.executable.path", target)
        self.binary = root / path
        self.seconds = milliseconds / 1e3

    def row(self, wanted):
        command = [self.binary, f"--benchmark_filter=^{wanted}$", f"--benchmark_min_time={self.seconds}",
                   "--benchmark_format=json"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        rows = json.loads(result.stdout)["benchmarks"] if result.returncode == 0 and result.stdout else []
        if len(rows) != 1 or rows[0].get("error_occurred"):
            raise bench.Unusable(f"{wanted}: {result.stderr.strip()[-400:] or 'no result'}")
        return rows[0]


class Peer:
    """A program that answers each line "words…" with one number; it stays up for all windows."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise bench.Unusable(f"{self.name} died with {self.process.wait()} in {words}")
        return float(answer)

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


def shown(values, digits):
    return f"{values['median']:.{digits}f} [{values['q1']:.{digits}f} {values['q3']:.{digits}f}]"


def show_round(number, rounds):
    if sys.stderr.isatty():
        print(f"\rround {number} of {rounds} ", end="", file=sys.stderr, flush=True)


def rounds_over():
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def version_of(package):
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return found.stdout or "?"


def measure(cases, names, rounds, seed, window):
    """The samples by case and name, one of `window(name, case)` for each round."""
    order = random.Random(seed)
    samples = {case: {name: [] for name in names} for case in cases}
    for number in range(rounds):
        show_round(number + 1, rounds)
        for case in order.sample(cases, len(cases)):
            for name in order.sample(names, len(names)):
                samples[case][name].append(window(name, case))
    rounds_over()
    return samples


def ratios(samples, ours, peer, unit):
    """Median and quartiles over rounds of how many times better ours is than the peer: above 1 is ahead."""
    pairs = zip(samples[ours], samples[peer])
    return spread([theirs / mine if unit.startswith("ns") else mine / theirs for mine, theirs in pairs])


def print_summary(samples, units, ours, peers):
    """A paragraph for each case; returns what it says."""
    summary = {}
    for case, rows in samples.items():
        unit = units[case]
        print(f"\n{case}, {unit}: median [quartiles]")
        summary[case] = {"unit": unit, "rows": {name: spread(values) for name, values in rows.items()}, "ahead": {}}
        for name, values in summary[case]["rows"].items():
            print(f"  {name:<34} {shown(values, 1):>28}")
        for mine in ours:
            for peer in peers:
                ahead = ratios(rows, mine, peer, unit)
                summary[case]["ahead"][f"{mine} / {peer}"] = ahead
                print(f"  {'times better: ' + mine + ' / ' + peer:<70} {shown(ahead, 2):>20}")
    return summary


def run(options, host, samples, units, ours, peers):
    """Prints the facts, takes the samples, prints what they say, and keeps them if told so."""
    for fact, value in host.items():
        print(f"{fact}: {value}")
    print(f"command: {shlex.join(sys.argv)}")
    print(f"{options.rounds} rounds, seed {options.seed}")
    taken = samples(options)
    summary = print_summary(taken, units, ours, peers)
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"host": host, "command": shlex.join(sys.argv), "seed": options.seed, "summary": summary,
                       "samples": taken}, out, indent=1)


def add_arguments(parser, cases):
    parser.add_argument("--cases", default=",".join(cases), metavar="A,B", help="of " + ", ".join(cases))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--duration", type=int, default=200, metavar="MS", help="of a window of ours")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="of the order")
    parser.add_argument("--json", metavar="FILE", help="all samples and the summary")


def parse(parser, cases):
    options = parser.parse_args()
    options.cases = options.cases.split(",")
    unknown = [case for case in options.cases if case not in cases]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    return options
