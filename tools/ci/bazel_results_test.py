#!/usr/bin/env python3
"""What bazel_results.py counts, for every way in which a test can end."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bazel_results  # noqa: E402

GTEST = """<testsuites tests="4"><testsuite name="Ring">
  <testcase name="Wraps" status="run" result="completed" classname="Ring" />
  <testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Ring" />
  <testcase name="NeedsUring" status="run" result="skipped" classname="Ring"><skipped message="a.cc:1&#x0A;no io_uring" /></testcase>
  <testcase name="Refuses" status="run" classname="Ring"><failure message="a.cc:2&#x0A;expected 1" type="" /></testcase>
</testsuite></testsuites>"""
SHELL = '<testsuites><testsuite name="x"><testcase name="x/y_test" status="run"></testcase></testsuite></testsuites>'


class Counts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def ran(self, label, status, report=None, attempt=1):
        event = {"id": {"testResult": {"label": label, "run": 1, "shard": 1, "attempt": attempt}},
                 "testResult": {"status": status}}
        if report is not None:
            path = os.path.join(self.folder.name, f"{abs(hash((label, attempt)))} report.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(report)
            uri = "file://" + path.replace(" ", "%20")
            event["testResult"]["testActionOutput"] = [{"name": "test.log", "uri": uri}, {"name": "test.xml", "uri": uri}]
        return event

    def count(self, events, status):
        """The exit status and the printed lines for these events."""
        path = os.path.join(self.folder.name, "events")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(event if isinstance(event, str) else json.dumps(event) + "\n" for event in events)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            code = bazel_results.main(path, status)
        return code, output.getvalue().splitlines()

    def test_counts_every_case_of_a_gtest_report(self):
        code, lines = self.count([self.ran("//r:ring_test", "FAILED", GTEST)], 3)
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "COUNT 1 1 2")
        self.assertIn("FAILED //r:ring_test Ring.Refuses: a.cc:2 expected 1", lines)
        self.assertIn("SKIPPED //r:ring_test Ring.NeedsUring: no io_uring", lines)

    def test_counts_a_test_without_cases_as_one(self):
        self.assertEqual(self.count([self.ran("//x:y_test", "PASSED", SHELL)], 0), (0, ["COUNT 1 0 0"]))
        self.assertEqual(self.count([self.ran("//x:y_test", "PASSED")], 0), (0, ["COUNT 1 0 0"]))

    def test_counts_a_test_that_died_or_timed_out_as_failed(self):
        for report in (None, SHELL, "<testsuites"):
            code, lines = self.count([self.ran("//x:y_test", "TIMEOUT", report)], 3)
            self.assertEqual((code, lines[0]), (1, "FAILED //x:y_test: TIMEOUT"))

    def test_does_not_trust_a_pass_whose_report_is_broken(self):
        self.assertEqual(self.count([self.ran("//x:y_test", "PASSED", "<testsuites")], 0)[0], 1)

    def test_counts_a_target_that_was_not_built_as_failed(self):
        unbuilt = {"id": {"targetCompleted": {"label": "//x:y_test"}}, "completed": {}}
        aborted = {"id": {"targetConfigured": {"label": "//x:z"}}, "aborted": {"reason": "ANALYSIS_FAILURE"}}
        built = {"id": {"targetCompleted": {"label": "//x:w"}}, "completed": {"success": True}}
        code, lines = self.count([unbuilt, aborted, built], 1)
        self.assertEqual((code, lines[-1]), (1, "COUNT 0 2 0"))

    def test_counts_the_last_attempt_of_a_flaky_test(self):
        events = [self.ran("//r:ring_test", "FAILED", GTEST, 1), self.ran("//r:ring_test", "PASSED", SHELL, 2)]
        self.assertEqual(self.count(events, 0), (0, ["COUNT 1 0 0"]))

    def test_never_passes_when_bazel_did_not(self):
        self.assertEqual(self.count([self.ran("//x:y_test", "PASSED", SHELL)], 37)[0], 1)
        self.assertEqual(self.count([], 2)[0], 1)
        self.assertEqual(self.count(['{"id": {'], 2)[0], 1)

    def test_calls_it_skipped_when_there_was_nothing_to_test(self):
        self.assertEqual(self.count([], 4), (0, ["SKIPPED no test matches", "COUNT 0 0 1"]))


if __name__ == "__main__":
    unittest.main()
