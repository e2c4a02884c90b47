#!/usr/bin/env python3
"""Checks what BUILD visibility cannot see: which room includes what, and the form that files have.

usage: tools/lint/floors.py [ROOT]

Reads the files that git tracks, or would track, under ROOT (the workspace, unless given); prints one line for each
violation; exit 1 if there is one.  The tables below are the floors of ARCHITECTURE.md.
"""

import os
import re
import subprocess
import sys

EVERYWHERE = ("",)

# A room, named by its folder, and the rooms whose headers it may include.  The longest folder that matches decides.
ROOMS = {
    "runtime": ("runtime",),
    "eventbus": ("runtime", "eventbus"),
    "eventbus/bridge": ("runtime", "eventbus", "eventbus/bridge"),
    "web": ("runtime", "web"),
    "observability": ("runtime", "eventbus", "eventbus/bridge", "web", "observability"),
    "services": ("runtime", "eventbus", "eventbus/bridge", "web", "observability", "services"),
    "tools": ("runtime", "eventbus", "eventbus/bridge", "web", "observability", "services", "tools"),
}

# How an include begins, and the folders that may include it.  The longest beginning decides.
SMALL_BOOST = ("asio", "assert", "config", "container", "core", "intrusive", "system", "throw_exception", "version")
LIBRARIES = {
    **{f"boost/{name}": EVERYWHERE for name in SMALL_BOOST},
    "boost/": ("eventbus", "web", "observability", "services", "tools"),
    "boost/lockfree": ("runtime/ring/ring_buffer_bench.cc",),
    "boost/beast": ("web", "services", "tools"),
    # In runtime only where an inspection becomes text for the console: all else is data there.
    "boost/json": (
        "runtime/inspect/inspection_json.cc",
        "runtime/inspect/inspection_json_test.cc",
        "eventbus",
        "web",
        "observability",
        "services",
        "tools",
    ),
    "openssl/": ("runtime/net", "eventbus/bridge", "web", "observability", "services", "tools"),
    "liburing": ("runtime/net", "tools"),
    "brotli/": ("web", "observability", "services", "tools"),
    "zlib.h": ("web", "observability", "services", "tools"),
    "absl/": ("eventbus/bridge",),
    # Demangles without memory; so does no other that is packaged.
    "absl/debugging": ("runtime/base", "eventbus/bridge"),
    "backtrace.h": ("runtime/base",),
    "google/protobuf": ("eventbus/bridge", "services", "tools"),
    "grpc": ("eventbus/bridge", "services"),
    "prometheus/": ("observability",),
    "spdlog/": ("observability",),
    "yaml-cpp/": ("services",),
    "caf/": ("tools",),
    "gtest/": EVERYWHERE,
    "gmock/": EVERYWHERE,
    "benchmark/": EVERYWHERE,
}

# Folders of the C library, the kernel and the compiler.
SYSTEM_FOLDERS = ("arpa", "asm", "linux", "net", "netinet", "sanitizer", "sys")

CODE_SUFFIXES = (".h", ".cc", ".py", ".sh", ".bzl", ".proto", ".go")
TEXT_SUFFIXES = CODE_SUFFIXES + (".md", ".txt", ".yml", ".yaml", ".json", ".html", ".css", ".js", ".bazelrc", ".BUILD")
TEXT_NAMES = ("BUILD", "WORKSPACE", "Dockerfile", "CODEOWNERS")
LINES_MAX = 400  # of a file of code that is neither a test nor a benchmark

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The longest folder of ROOMS that holds `path`, or None."""
    inside = [room for room in ROOMS if path.startswith(room + "/")]
    return max(inside, key=len, default=None)


def library_of(include):
    """The longest beginning in LIBRARIES that `include` has, or None."""
    return max((start for start in LIBRARIES if include.startswith(start)), key=len, default=None)


def is_test(path):
    return re.search(r"_(test|bench)\.[a-z]+$", path) is not None


def is_text(path):
    name = os.path.basename(path)
    return path.endswith(TEXT_SUFFIXES) or name in TEXT_NAMES or name.startswith(".")


def source_of(include):
    """The file of the workspace that `include` comes from: itself, or what protoc makes it of."""
    return re.sub(r"(\.grpc)?\.pb\.h$", ".proto", include)


def check_include(path, quote, include, files):
    """Yields what is wrong with one #include of the file `path`."""
    room = room_of(path)
    target = room_of(include)
    if source_of(include) in files:
        if quote == "<":
            yield f'<{include}> is ours: write "{include}"'
        if room and target and target not in ROOMS[room]:
            yield f"{room} may not include {include}: {target} is not below it"
        return
    if quote == '"':
        yield f'"{include}" is no file, seen from the workspace root'
        return
    library = library_of(include)
    if library is not None:
        if room and not any((path + "/").startswith(folder) for folder in LIBRARIES[library]):
            yield f"{room} may not include <{include}>; only {', '.join(LIBRARIES[library])} may"
    elif "/" in include and include.split("/")[0] not in SYSTEM_FOLDERS:
        yield f"<{include}> belongs to no library that tools/lint/floors.py knows: say there who may include it"


def check_code(path, lines, files):
    """Yields (line number, what) for the C++ file `path`."""
    includes = [(number, *match.groups()) for number, match in enumerate(map(INCLUDE.match, lines), 1) if match]
    for number, quote, include in includes:
        for what in check_include(path, quote, include, files):
            yield number, what
    if path.endswith(".h") and not any(line.strip() == "#pragma once" for line in lines):
        yield 1, "a header needs #pragma once"
    tested = re.sub(r"_test\.cc$", ".h", path)
    if tested != path and tested in files and (not includes or includes[0][2] != tested):
        yield includes[0][0] if includes else 1, f'the first include of a test is what it tests: "{tested}"'


def check_file(path, text, files):
    """Yields (line number, what) for every violation in the file `path`."""
    lines = text.splitlines()
    if path.endswith((".h", ".cc")):
        yield from check_code(path, lines, files)
    if os.path.basename(path) in ("BUILD", "BUILD.bazel") or path.endswith((".bzl", ".BUILD")):
        for number, line in enumerate(lines, 1):
            if re.search(r"\bglob\s*\(", line.split("#")[0]):
                yield number, "no glob: name the files"
    is_code = path.endswith(CODE_SUFFIXES) or text.startswith("#!")
    if is_code and not is_test(path) and len(lines) > LINES_MAX:
        yield LINES_MAX + 1, f"{len(lines)} lines: more than {LINES_MAX} is two files"
    if is_text(path) or is_code:
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield number, "white space at the end of the line"


def tracked(root):
    """The paths under `root` that git tracks or would track, without those that are deleted or links."""
    listing = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    paths = subprocess.run(listing, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return sorted({path for path in paths if path and is_plain(os.path.join(root, path))})


def is_plain(path):
    return os.path.isfile(path) and not os.path.islink(path)


def check(root, paths):
    """Yields one "path:line: what" for each violation in the files `paths` of `root`."""
    files = set(paths)
    for path in paths:
        with open(os.path.join(root, path), "rb") as file:
            data = file.read()
        if b"\0" in data:
            continue
        for number, what in check_file(path, data.decode("utf-8", "replace"), files):
            yield f"{path}:{number}: {what}"


def main(arguments):
    here = os.path.dirname(os.path.abspath(__file__))
    root = arguments[0] if arguments else os.path.join(here, "..", "..")
    paths = tracked(root)
    violations = list(check(root, paths))
    for violation in violations:
        print(violation)
    print(f"floors: {len(paths)} files, {len(violations)} violations", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
