#!/usr/bin/env python3
"""What a server costs while it has nothing to do: memory per idle connection, CPU share.  See README.md."""
import argparse
import json
import shlex
import subprocess
import sys
import time

import servers as bench


def connections_cost(generator, server, connections):
    """Resident KiB before and with `connections` that each were served once and are quiet since a second."""
    server.ask("hello")  # what is set up once is not a cost per connection
    time.sleep(0.5)
    before = server.rss_kib()
    holder = subprocess.Popen([str(generator), f"--port={server.port}", f"--connections={connections}", "--idle=2500"],
                              stdout=subprocess.PIPE, text=True, preexec_fn=bench.pin(bench.CLIENT_CPU))
    try:
        opened = json.loads(holder.stdout.readline())["open"]
        time.sleep(1)
        during = server.rss_kib()
        lasted = json.loads(holder.stdout.readline())["lasted"]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    return {"connections": opened, "lasted": lasted, "rss_kib_before": before, "rss_kib_during": during,
            "kib_per_connection": (during - before) / opened if opened else None}


def idle_shares(servers, seconds):
    """Share of one CPU that each server uses while it has no connections."""
    start, before = time.monotonic_ns(), {name: server.cpu_ns() for name, server in servers.items()}
    time.sleep(seconds)
    passed = time.monotonic_ns() - start
    return {name: (server.cpu_ns() - before[name]) / passed for name, server in servers.items()}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=bench.chosen, default=list(bench.NAMES), metavar="A,B",
                        help="of " + ", ".join(bench.NAMES))
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--idle-seconds", type=float, default=10)
    parser.add_argument("--fluxor-binary", metavar="FILE", help="instead of //:server")
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def run(options):
    bench.require_two_cpus()
    host = bench.host_facts()
    results = {}
    with bench.Servers(options.servers, options.fluxor_binary) as running:
        for fact, value in host.items():
            print(f"{fact}: {value}")
        print(f"command: {shlex.join(sys.argv)}\n")
        print(f"{'server':<10} {'idle CPU':>9} {'RSS KiB':>9} {'with':>6} {'connections':>12} {'KiB each':>9}")
        servers = {name: by_route["hello"] for name, by_route in running.by_name.items()}
        shares = idle_shares(servers, options.idle_seconds)
        for name, server in servers.items():
            share = shares[name]
            cost = connections_cost(running.generator, server, options.connections)
            results[name] = {"idle_cpu_share": share, **cost}
            each = f"{cost['kib_per_connection']:.2f}" if cost["connections"] else "-"
            print(f"{name:<10} {share:>9.3%} {cost['rss_kib_before']:>9} {cost['rss_kib_during']:>6} "
                  f"{cost['connections']:>12} {each:>9}")
            if cost["lasted"] < options.connections:
                print(f"note: of {options.connections} connections {name} served {cost['connections']} "
                      f"and kept {cost['lasted']}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"host": host, "command": shlex.join(sys.argv), "results": results}, out, indent=1)


if __name__ == "__main__":
    bench.end_cleanly_on_signals()
    try:
        run(parse_arguments())
    except bench.Unusable as reason:
        sys.exit(f"memory.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
