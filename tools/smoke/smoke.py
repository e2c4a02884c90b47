#!/usr/bin/env python3
"""The checks of smoke.sh.  Waiting is polling with a bound: no check sleeps for a fixed time and hopes."""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from http_client import ANSWER_SECONDS, Connection, Failed, expect, request

START_SECONDS = 30  # until the server listens
END_SECONDS = 20  # from SIGTERM to the end: less than --drain-timeout, which nothing here should need

SYS_TGKILL = 234  # on amd64


def poll(question, seconds, what):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Server:
    """A server process, its standard error read all the time."""

    def __init__(self, command):
        self.lines = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.port = None

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def listening(self):
        for line in list(self.lines):
            if match := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                return int(match[1])
        expect(self.process.poll() is None, f"it ended with {self.process.poll()}: {self.lines[-5:]}")
        return None

    def ended(self):
        return self.process.poll() is not None


def ask(server, method, path, body=None):
    with Connection(server.port) as connection:
        return connection.ask(method, path, body)


def expect_error(response, status):
    """The one shape of all errors; returns the body."""
    expect(response.status == status, f"status {response.status}, not {status}")
    body = response.json()
    for key in ("code", "error", "message"):
        expect(isinstance(body.get(key), str), f"the body has no text {key!r}: {body}")
    expect(re.fullmatch(r"[A-Z][A-Z0-9_]*", body["code"]), f"the code is not UPPER_CASE: {body}")
    return body


def answers_get_root(server):
    response = ask(server, "GET", "/")
    expect(response.status == 200, f"status {response.status}")
    expect("fluxor" in json.dumps(response.json()).lower(), f"it does not name Fluxor: {response.body!r}")


def answers_status(server):
    response = ask(server, "GET", "/api/status")
    expect(response.status == 200, f"status {response.status}")
    body = response.json()
    expect(body.get("status") == "ok", f"status is not ok: {body}")
    expect(abs(float(body.get("time", 0)) - time.time()) < 60, f"time is not now: {body}")
    expect(isinstance(body.get("stalls"), int), f"it does not count stalls: {body}")


def echoes_json(server):
    sent = {"name": "Zoë", "numbers": [1, 2.5, -3], "none": None, "deep": {"yes": True}}
    response = ask(server, "POST", "/api/echo", json.dumps(sent).encode())
    expect(response.status == 200, f"status {response.status}: {response.body!r}")
    body = response.json()
    expect(body.get("echo") == sent, f"echo is not what was sent: {body}")
    expect(body.get("message") == "Echo successful", f"the message is wrong: {body}")


def refuses_what_is_not_json(server):
    for bad in (b"{not json", b"", b'{"a":1} trailing'):
        body = expect_error(ask(server, "POST", "/api/echo", bad), 400)
        expect(body["error"] == "invalid json", f"for {bad!r} the error is {body['error']!r}")


def is_live(server):
    response = ask(server, "GET", "/live")
    expect(response.status == 200, f"status {response.status}")
    body = response.json()
    expect(body.get("status") == "up" and "timestamp" in body, f"body {body}")


def becomes_ready(server):
    response = poll(lambda: (r := ask(server, "GET", "/ready")).status == 200 and r, ANSWER_SECONDS, "ready")
    body = response.json()
    expect("ready" in body.values(), f"the body does not say ready: {body}")
    for key in ("queue_utilization", "ccu_utilization", "verticle_count"):
        expect(isinstance(body.get(key), (int, float)), f"the body has no number {key}: {body}")


def answers_404_to_an_unknown_path(server):
    expect_error(ask(server, "GET", "/there/is/no/such/path"), 404)


def answers_405_with_allow(server):
    for method, path, allowed in (("DELETE", "/api/status", "GET"), ("GET", "/api/echo", "POST")):
        response = ask(server, method, path)
        expect_error(response, 405)
        allow = [name.strip() for name in response.headers.get("allow", "").split(",")]
        expect(allowed in allow and method not in allow, f"{method} {path}: Allow is {allow}")


def serves_two_requests_on_one_connection(server):
    with Connection(server.port) as connection:
        for number in (1, 2):
            response = connection.ask("GET", "/api/status")
            expect(response.status == 200, f"status {response.status} to request {number}")
            expect(response.headers.get("connection", "").lower() != "close", f"request {number} is answered with close")


def serves_16_pipelined_requests_in_order(server):
    with Connection(server.port) as connection:
        connection.send(b"".join(request("POST", "/api/echo", b"%d" % number) for number in range(16)))
        for number in range(16):
            response = connection.response()
            expect(response.status == 200, f"status {response.status} to request {number}")
            expect(response.json().get("echo") == number, f"answer {number} is {response.body!r}")


def answers_garbage_with_400_and_close(server):
    for garbage in (b"this is not HTTP\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
        with Connection(server.port) as connection:
            connection.send(garbage)
            response = connection.response()
            expect(response.status == 400, f"status {response.status} to {garbage!r}")
            connection.expect_close()
    expect(ask(server, "GET", "/live").status == 200, "it does not serve any more")


def run(command):
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"it did not end within {START_SECONDS} s") from error


def expect_refusal_to_start(command):
    """One clear line on standard error and exit 1."""
    result = run(command)
    lines = result.stderr.splitlines()
    expect(result.returncode == 1, f"exit status {result.returncode}, not 1: {result.stderr[:300]!r}")
    expect(len(lines) == 1 and lines[0].strip(), f"{len(lines)} lines on standard error, not one: {lines[:5]}")
    expect(not result.stdout, f"something on standard output: {result.stdout[:200]!r}")
    return lines[0]


def a_second_instance_on_the_port_refuses_to_start(server):
    line = expect_refusal_to_start([server.binary, f"--port={server.port}", "--address=127.0.0.1"])
    expect(str(server.port) in line, f"the line does not name the port: {line!r}")
    expect(ask(server, "GET", "/live").status == 200, "the first instance does not serve any more")


def a_port_that_is_no_number_refuses_to_start(server):
    line = expect_refusal_to_start([server.binary, "--port=notanumber"])
    expect("port" in line, f"the line does not name the flag: {line!r}")


def an_unknown_flag_refuses_to_start(server):
    line = expect_refusal_to_start([server.binary, "--nonsense"])
    expect("nonsense" in line, f"the line does not name the flag: {line!r}")


def help_and_version_are_answered(server):
    for flag in ("--help", "--version"):
        result = run([server.binary, flag])
        expect(result.returncode == 0, f"{flag}: exit status {result.returncode}")
        expect(result.stdout.strip(), f"{flag}: nothing on standard output")


def drains(port):
    """Whether the server has begun to drain: it is not ready, or takes no connection."""
    try:
        with Connection(port) as connection:
            return connection.ask("GET", "/ready").status == 503
    except (OSError, Failed):
        return True


def finishes_what_is_in_flight_at_sigterm(server):
    body = b'"' + b"x" * 1000 + b'"'
    # An idle keep-alive connection must not hold up the end.
    with Connection(server.port) as idle:
        expect(idle.ask("GET", "/live").status == 200, "it does not serve")
        busy = []
        for _ in range(8):
            connection = Connection(server.port)
            busy.append(connection)
            # The 100 is sent once the request is admitted: from here on it is in flight.
            head = request("POST", "/api/echo", body, "Expect: 100-continue\r\n")[: -len(body)]
            connection.send(head)
            expect(connection.response().status == 100, "no 100 (Continue)")
            connection.send(body[:500])
        server.process.send_signal(signal.SIGTERM)
        poll(lambda: drains(server.port), ANSWER_SECONDS, "not ready after SIGTERM")
        expect(not server.ended(), f"it ended with {server.process.poll()} while requests were in flight")
        for connection in busy:
            connection.send(body[500:])
        for connection in busy:
            response = connection.response()
            expect(response.status == 200, f"status {response.status} to a request in flight")
            expect(response.headers.get("connection", "").lower() == "close", "an answer without Connection: close")
            connection.socket.close()
        poll(server.ended, END_SECONDS, "the end after SIGTERM")
    status = server.process.returncode
    expect(status == 0, f"exit status {status}; standard error ends with {server.lines[-5:]}")


def loop_thread(server):
    """The kernel's number of the thread of an event loop."""
    tasks = f"/proc/{server.process.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/comm", encoding="ascii") as file:
            if file.read().startswith("fluxor-loop"):
                return int(task)
    raise Failed("there is no thread called fluxor-loop")


def a_crash_names_the_loop_and_the_stack(server):
    other = Server([server.binary, "--port=0", "--address=127.0.0.1", "--loops=1"])
    try:
        poll(other.listening, START_SECONDS, "a second server")
        ctypes.CDLL(None).syscall(SYS_TGKILL, other.process.pid, loop_thread(other), signal.SIGABRT)
        poll(other.ended, END_SECONDS, "the end after SIGABRT")
        other.reader.join(ANSWER_SECONDS)
        text = "\n".join(other.lines)
        expect(other.process.returncode == -signal.SIGABRT, f"it ended with {other.process.returncode}")
        expect(re.search(r"^fluxor: SIGABRT from process \d+ in thread \d+$", text, re.M), f"no signal: {text}")
        expect(re.search(r"^on event loop 0, stage ", text, re.M), f"no loop: {text}")
        expect(re.search(r"^#\d+ .*\bfluxor::runtime::EventLoop::.*\(/.*\+0x[0-9a-f]+\)$", text, re.M),
               f"no function of the loop: {text}")
    finally:
        if not other.ended():
            other.process.kill()
        other.process.wait()


CHECKS = (
    answers_get_root,
    answers_status,
    echoes_json,
    refuses_what_is_not_json,
    is_live,
    becomes_ready,
    answers_404_to_an_unknown_path,
    answers_405_with_allow,
    serves_two_requests_on_one_connection,
    serves_16_pipelined_requests_in_order,
    answers_garbage_with_400_and_close,
    a_second_instance_on_the_port_refuses_to_start,
    a_port_that_is_no_number_refuses_to_start,
    an_unknown_flag_refuses_to_start,
    help_and_version_are_answered,
    a_crash_names_the_loop_and_the_stack,
    finishes_what_is_in_flight_at_sigterm,  # the last: it ends the server
)


def attempt(name, check, *arguments):
    """Runs one check and prints its line; true if it passed."""
    try:
        check(*arguments)
    except Exception as error:  # an answer that trips the check over has failed it too
        kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
        print(f"FAILED smoke: {name}: {kind}{error}".replace("\n", " "), flush=True)
        return False
    print(f"PASSED smoke: {name}", flush=True)
    return True


def start(server):
    server.port = poll(server.listening, START_SECONDS, "a line \"listening on 127.0.0.1:PORT\"")


def main(binary):
    server = Server([binary, "--port=0", "--address=127.0.0.1"])
    server.binary = binary
    try:
        if not attempt("starts and says where it listens", start, server):
            return 1
        results = [attempt(check.__name__.replace("_", " "), check, server) for check in CHECKS]
        return 0 if all(results) else 1
    finally:
        if not server.ended():
            server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
