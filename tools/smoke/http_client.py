"""As much of HTTP/1.1 as it takes to see exactly what a server sends."""

import json
import re
import socket

ANSWER_SECONDS = 10  # for an answer, a line or a close that should come at once


class Failed(Exception):
    pass


def expect(condition, why):
    if not condition:
        raise Failed(why)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        kind = self.headers.get("content-type", "none")
        expect(kind.split(";")[0] == "application/json", f"content-type {kind}, not application/json")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failed(f"the body is no JSON ({error}): {self.body[:200]!r}") from error


class Connection:
    """One TCP connection, and as much of HTTP/1.1 as it takes to see exactly what the server sends."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """Adds to the buffer; false at the end of the stream."""
        try:
            data = self.socket.recv(65536)
        except socket.timeout as error:
            raise Failed(f"no answer within {ANSWER_SECONDS} s; so far: {self.buffer[:200]!r}") from error
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def take(self, size):
        while len(self.buffer) < size:
            expect(self.receive(), f"closed in the middle of an answer: {self.buffer[:200]!r}")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_line(self):
        while b"\r\n" not in self.buffer:
            expect(self.receive(), f"closed in the middle of an answer: {self.buffer[:200]!r}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def response(self):
        """The next response, whatever its status."""
        first = self.take_line()
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", first)
        expect(match, f"not the first line of a response: {first!r}")
        headers = {}
        while line := self.take_line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(match[1])
        body = b""
        if status >= 200 and headers.get("transfer-encoding") == "chunked":
            while size := int(self.take_line().split(";")[0], 16):
                body += self.take(size)
                self.take(2)
            while self.take_line():
                pass
        elif status >= 200:
            body = self.take(int(headers.get("content-length", 0)))
        return Response(status, headers, body)

    def ask(self, method, path, body=None):
        self.send(request(method, path, body))
        return self.response()

    def expect_close(self):
        expect(not self.buffer, f"more after the answer: {self.buffer[:200]!r}")
        expect(not self.receive(), f"more instead of a close: {self.buffer[:200]!r}")


def request(method, path, body=None, more=""):
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body is not None else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{more}\r\n".encode() + (body or b"")
