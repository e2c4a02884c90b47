"""The servers that are compared: built, started side by side on one CPU, asked once, and ended whatever happens."""
import contextlib
import ctypes
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
SERVER_CPU, CLIENT_CPU = 0, 1
NAMES = ("fluxor", "fasthttp", "raw_epoll")

ECHO_BODY = b'{"id":4711,"nested":{"list":[1,2,3]},"text":"'.ljust(126, b"x") + b'"}'  # 128 bytes
ROUTES = {
    "hello": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "status": b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "echo": b"POST /api/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(ECHO_BODY), ECHO_BODY),
}


class Unusable(Exception):
    """There is nothing to measure, and the text says why."""


class Answer:
    """One answer, as it came."""

    def __init__(self, raw):
        self.raw = raw
        self.head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = self.head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        fields = (line.partition(":") for line in lines[1:])
        self.headers = {name.strip().lower(): value.strip() for name, _, value in fields}


class Server:
    """A process that was started here and is ended here.  It says on standard error where it listens."""

    def __init__(self, command, environment):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
                                        env={**os.environ, **environment}, cwd=WORKSPACE,
                                        start_new_session=True, preexec_fn=pin(SERVER_CPU))
        self.pid = self.process.pid
        try:
            self.port = self._wait_for_port()
        except BaseException:
            self.stop()
            raise

    def _said(self):
        return os.pread(self.log.fileno(), 1 << 20, 0)

    def _wait_for_port(self):
        for _ in range(1000):
            found = re.search(rb"listening on [^\s\"]*:(\d+)", self._said())
            if found:
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        said = self._said().decode(errors="replace").strip()[-400:]
        raise Unusable(f"{self.process.args[0]} does not listen: {said}")

    def ask(self, route):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(ROUTES[route])
            raw = b""
            while True:
                received = connection.recv(65536)
                raw += received
                head, end, body = raw.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                if end and not length:
                    raise Unusable(f"{self.process.args[0]}: no Content-Length in the answer to {route}")
                if end and len(body) >= int(length[1]):
                    return Answer(raw)
                if not received:
                    raise Unusable(f"{self.process.args[0]}: closed the connection instead of answering {route}")

    def cpu_ns(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(pathlib.Path(f"/proc/{self.pid}/task/{task}/schedstat").read_text().split()[0])
        return total

    def rss_kib(self):
        # Not statm or VmRSS: those are counted per CPU and may lag by some hundred pages.
        rollup = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+) kB", rollup, re.M)[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                print(f"{self.process.args[0]} ignored SIGTERM for 10 s: killed", file=sys.stderr)
                self.process.kill()
                self.process.wait()
        self.log.close()


class Servers(contextlib.ExitStack):
    """The chosen servers, all running: by name and route (raw_epoll knows one answer, so it runs once per route).

    The first one in the order of NAMES is the model: fasthttp answers with its bodies, raw_epoll with its very bytes.
    """

    def __init__(self, names, fluxor_binary=None):
        super().__init__()
        binaries = build(names, fluxor_binary)
        self.generator = binaries["load_generator"]
        self.by_name = {}
        self.model = None
        with contextlib.ExitStack() as undo:  # if one cannot start, those that did are ended
            undo.push(self)
            folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
            answers = {}
            for name in (name for name in NAMES if name in names):
                self.by_name[name] = self._start(name, str(binaries[name]), answers, folder)
                if self.model is None:
                    self.model = name
                    answers = {route: self.by_name[name][route].ask(route) for route in ROUTES}
            undo.pop_all()

    def _start(self, name, binary, answers, folder):
        def start(*flags, **environment):
            server = Server([binary, *flags], environment)
            self.callback(server.stop)
            return server

        def flag(what, content, file):
            (folder / file).write_bytes(content)
            return f"--{what}={folder / file}"

        if name == "raw_epoll":
            return {route: start(*[flag("answer", answers[route].raw, f"{route}.answer")] if answers else [])
                    for route in ROUTES}
        if name == "fasthttp":
            flags = []
            if answers:
                flags = [flag("hello", answers["hello"].body, "hello"),
                         flag("status", answers["status"].body, "status"),
                         "--server-name=" + answers["hello"].headers.get("server", "")]
            return dict.fromkeys(ROUTES, start(*flags, GOMAXPROCS="1"))
        return dict.fromkeys(ROUTES, start("--port=0", "--address=127.0.0.1"))

    def check_equal_answers(self, route):
        """Every server must do the same work: equal status, equal body.  Returns one line on how heads differ."""
        expected = self.by_name[self.model][route].ask(route)
        notes = []
        for name, servers in self.by_name.items():
            answer = servers[route].ask(route)
            if answer.status != expected.status or comparable(route, answer) != comparable(route, expected):
                raise Unusable(f"{route}: {name} and {self.model} answer different things:\n"
                               f"  {answer.status} {answer.body!r}\n  {expected.status} {expected.body!r}")
            if not 200 <= answer.status < 300:
                raise Unusable(f"{route}: {name} answers {answer.status}: {answer.body!r}")
            difference = len(answer.head) - len(expected.head)
            names = sorted(set(answer.headers) ^ set(expected.headers))
            note = f"{name} {len(answer.head) + 4}+{len(answer.body)} B"
            if difference:
                note += f" (head {difference:+d})"
            if names:
                note += f" (not in both: {', '.join(names)})"
            notes.append(note)
        return f"{route}: " + ", ".join(notes)


def comparable(route, answer):
    # The status tells the time and other numbers that differ by nature.
    return re.sub(rb"\d+(\.\d+)?", b"0", answer.body) if route == "status" else answer.body


def pin(cpu):
    """What a child does before it runs: one CPU, a little ahead of others, all descriptors, and not outlive us."""
    libc = ctypes.CDLL(None)

    def prepare():
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, {cpu})
        if os.geteuid() == 0:
            os.setpriority(os.PRIO_PROCESS, 0, -5)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return prepare


def bazel(*words):
    result = subprocess.run(["tools/bazel", *words], cwd=WORKSPACE, capture_output=True, text=True)
    if result.returncode != 0:
        raise Unusable(f"tools/bazel {' '.join(words)} failed:\n{result.stderr.strip()[-2000:]}")
    return result.stdout.strip()


def build(names, fluxor_binary):
    """Builds what is needed, as it ships; returns the binaries by name."""
    targets = {"load_generator": "//tools/load:load_generator", "raw_epoll": "//tools/load:raw_epoll"}
    if "fluxor" in names and not fluxor_binary:
        targets["fluxor"] = "//:server"
    bazel("build", "--config=opt", "//tools/load:all", *(["//:server"] if "fluxor" in targets else []))
    root = pathlib.Path(bazel("info", "--config=opt", "execution_root"))
    path_of = "--starlark:expr=target.files_to_run.executable.path"
    binaries = {name: root / bazel("cquery", "--config=opt", "--output=starlark", path_of, target)
                for name, target in targets.items()}
    if "fluxor" in names and fluxor_binary:
        binaries["fluxor"] = pathlib.Path(fluxor_binary).resolve()
    if "fasthttp" in names:
        binaries["fasthttp"] = WORKSPACE / ".out/go-peer/fasthttp"
        go = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
              "GOCACHE": str(WORKSPACE / ".out/go-peer/cache")}
        result = subprocess.run(["go", "build", "-o", str(binaries["fasthttp"]), "tools/load/fasthttp/main.go"],
                                cwd=WORKSPACE, env={**os.environ, **go}, capture_output=True, text=True)
        if result.returncode != 0:
            raise Unusable("go build failed (packages golang-go and golang-github-valyala-fasthttp-dev):\n"
                           + result.stderr)
    return binaries


def host_facts():
    """What a figure needs beside it."""
    def first(command):
        result = subprocess.run(command, cwd=WORKSPACE, capture_output=True, text=True)
        return result.stdout.strip().split("\n")[0] if result.returncode == 0 else "?"

    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    changed = " (changed)" if first(["git", "status", "--porcelain"]) else ""
    return {
        "cpu": model[1] if model else "?",
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
        "load average": pathlib.Path("/proc/loadavg").read_text().split()[0],
        "nice": -5 if os.geteuid() == 0 else 0,
        "commit": first(["git", "rev-parse", "--short", "HEAD"]) + changed,
        "fasthttp": first(["dpkg-query", "-W", "-f", "${Version}", "golang-github-valyala-fasthttp-dev"]),
    }


def chosen(text):
    """The value of --servers."""
    names = text.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise ValueError(text)
    return names


def end_cleanly_on_signals():
    """SIGTERM and SIGHUP take the way of Ctrl-C: through every `with`, so that no server is left behind."""
    def leave(number, _):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell job starts with it ignored


def require_two_cpus():
    if not {SERVER_CPU, CLIENT_CPU} <= os.sched_getaffinity(0):
        raise Unusable("two CPUs are needed: one for the servers, one for the load generator")
