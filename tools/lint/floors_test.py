#!/usr/bin/env python3
"""Each rule of floors.py finds the violation seeded for it, and lets through what looks like one."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import floors  # noqa: E402

HEADER = "#pragma once\n"


def violations(files):
    """What floors.py says about a workspace of these files (path: text)."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return list(floors.check(root, sorted(files)))


def include(path, line):
    """What it says about `path` with this one line, in a workspace with a header in every room."""
    rooms = {f"{room}/a.h": HEADER for room in floors.ROOMS}
    return violations({**rooms, "eventbus/bridge/e.proto": "", path: f"#include {line}\n"})


class Floors(unittest.TestCase):
    def test_refuses_every_header_of_a_room_that_is_not_below(self):
        for room, sees in floors.ROOMS.items():
            for other in floors.ROOMS:
                found = include(f"{room}/x.cc", f'"{other}/a.h"')
                self.assertEqual(found == [], other in sees, f"{room} includes {other}: {found}")

    def test_keeps_web_and_eventbus_apart_and_both_off_their_users(self):
        for below, above in (
            ("web", "eventbus"), ("eventbus", "web"), ("runtime", "web"), ("runtime", "eventbus"),
            ("eventbus", "eventbus/bridge"), ("web", "eventbus/bridge"), ("web", "observability"),
            ("observability", "services"),
        ):
            self.assertNotIn(above, floors.ROOMS[below])

    def test_keeps_each_library_in_its_rooms(self):
        refused = (
            ("runtime/a.cc", "<boost/beast/core.hpp>"), ("runtime/a.cc", "<boost/json.hpp>"),
            ("runtime/a.cc", "<boost/regex.hpp>"), ("runtime/task/a.cc", "<openssl/ssl.h>"),
            ("runtime/a.cc", "<grpcpp/grpcpp.h>"), ("runtime/a.cc", "<prometheus/gauge.h>"),
            ("runtime/a.cc", "<spdlog/spdlog.h>"),
            ("eventbus/a.cc", "<boost/beast/http.hpp>"), ("eventbus/a.cc", "<grpcpp/grpcpp.h>"),
            ("eventbus/a.cc", "<google/protobuf/message.h>"), ("eventbus/a.cc", "<openssl/ssl.h>"),
            ("eventbus/bridge/a.cc", "<prometheus/gauge.h>"),
            ("web/a.cc", "<grpc/grpc.h>"), ("web/a.cc", "<prometheus/gauge.h>"), ("web/a.cc", "<spdlog/spdlog.h>"),
            ("web/a.cc", "<yaml-cpp/yaml.h>"),
            ("observability/a.cc", "<grpcpp/grpcpp.h>"),
            ("services/a.cc", "<prometheus/gauge.h>"), ("services/a.cc", "<spdlog/spdlog.h>"),
        )
        for path, line in refused:
            self.assertEqual(len(include(path, line)), 1, f"{path} {line}")
        allowed = (
            ("runtime/a.cc", "<vector>"), ("runtime/a.cc", "<sys/epoll.h>"), ("runtime/a.cc", "<unistd.h>"),
            ("runtime/a.cc", "<boost/asio/io_context.hpp>"), ("runtime/a.cc", "<boost/system/result.hpp>"),
            ("runtime/net/tls/a.cc", "<openssl/ssl.h>"), ("runtime/b_test.cc", "<gtest/gtest.h>"),
            ("web/a.cc", "<boost/beast/http.hpp>"), ("web/a.cc", "<boost/json.hpp>"),
            ("eventbus/bridge/grpc/a.cc", "<grpcpp/grpcpp.h>"), ("observability/log/a.cc", "<spdlog/spdlog.h>"),
            ("observability/a.cc", "<prometheus/gauge.h>"), ("services/a.cc", "<yaml-cpp/yaml.h>"),
        )
        for path, line in allowed:
            self.assertEqual(include(path, line), [], f"{path} {line}")

    def test_refuses_a_library_that_nobody_has_given_a_room(self):
        self.assertEqual(len(include("services/a.cc", "<fmt/core.h>")), 1)

    def test_sees_an_include_however_it_is_spaced(self):
        self.assertEqual(len(include("runtime/x.cc", '"web/a.h" // why')), 1)
        self.assertEqual(len(violations({"runtime/x.cc": "  #  include   <prometheus/gauge.h>\n"})), 1)
        self.assertEqual(violations({"runtime/x.cc": "// #include <prometheus/gauge.h>\n"}), [])

    def test_wants_quoted_includes_to_be_paths_from_the_root_that_exist(self):
        self.assertEqual(len(include("web/x.cc", '"web/absent.h"')), 1)
        self.assertEqual(len(include("web/x.cc", '"a.h"')), 1)
        self.assertEqual(len(include("web/x.cc", "<web/a.h>")), 1)
        self.assertEqual(include("web/x.cc", '"web/a.h"'), [])

    def test_knows_what_protoc_makes(self):
        self.assertEqual(include("eventbus/bridge/x.cc", '"eventbus/bridge/e.grpc.pb.h"'), [])
        self.assertEqual(include("eventbus/bridge/x.cc", '"eventbus/bridge/e.pb.h"'), [])
        self.assertEqual(len(include("eventbus/x.cc", '"eventbus/bridge/e.pb.h"')), 1)
        self.assertEqual(len(include("eventbus/bridge/x.cc", '"eventbus/bridge/absent.pb.h"')), 1)


class Form(unittest.TestCase):
    def test_wants_pragma_once_in_a_header(self):
        self.assertEqual(violations({"web/x.h": "int x;\n"}), ["web/x.h:1: a header needs #pragma once"])
        self.assertEqual(violations({"web/x.h": HEADER, "web/x.cc": "int x;\n"}), [])

    def test_wants_a_test_to_include_its_header_first(self):
        header = {"web/x.h": HEADER}
        first = '#include "web/x.h"\n#include <vector>\n'
        second = '#include <vector>\n#include "web/x.h"\n'
        self.assertEqual(violations({**header, "web/x_test.cc": first}), [])
        self.assertEqual(len(violations({**header, "web/x_test.cc": second})), 1)
        self.assertEqual(len(violations({**header, "web/x_test.cc": "int x;\n"})), 1)
        self.assertEqual(violations({**header, "web/promises_test.cc": second}), [])

    def test_refuses_globs_in_build_files(self):
        self.assertEqual(len(violations({"web/BUILD": 'hdrs = glob(["*.h"])\n'})), 1)
        self.assertEqual(violations({"web/BUILD": "# no glob( here\n", "web/a.cc": "glob(x);\n"}), [])

    def test_refuses_a_file_of_more_than_400_lines_unless_it_is_a_test_or_a_benchmark(self):
        for path, found in (("web/x.cc", 1), ("tools/x.py", 1), ("web/x_test.cc", 0), ("web/x_bench.cc", 0),
                            ("web/x.md", 0)):
            self.assertEqual(len(violations({path: "//\n" * 401})), found, path)
            self.assertEqual(violations({path: "//\n" * 400}), [])
        self.assertEqual(len(violations({"tools/run": "#!/bin/sh\n" + ":\n" * 400})), 1)

    def test_refuses_white_space_at_the_end_of_a_line(self):
        for path in ("web/x.cc", "README.md", "web/BUILD", ".bazelrc"):
            self.assertEqual(len(violations({path: "a\nb \nc\n"})), 1, path)
            self.assertEqual(len(violations({path: "a\r\nc\n"})), 1, path)
            self.assertEqual(len(violations({path: "a\nb\t"})), 1, path)
        self.assertEqual(violations({"web/corpus/request.http": "GET / HTTP/1.1\r\n"}), [])

    def test_leaves_binary_files_alone(self):
        self.assertEqual(violations({"tools/x.h": "\0 \n"}), [])


if __name__ == "__main__":
    unittest.main()
