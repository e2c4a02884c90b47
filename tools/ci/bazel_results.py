#!/usr/bin/env python3
"""Counts the test cases of one `bazel test`, from its build events (--build_event_json_file) and each test.xml.

usage: tools/ci/bazel_results.py EVENTS BAZEL_EXIT_STATUS

Prints a line for each case that failed or was skipped, and at the end "COUNT passed failed skipped".  A target that was
not built, timed out or died without a report is one failure; so is an exit status that no case explains.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree

NO_TESTS_FOUND = 4  # Bazel's exit status


class Results:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add_cases(self, label, path):
        """Counts the cases of one test.xml."""
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            suite, name = case.get("classname"), case.get("name", "")
            name = label if name in label else f"{label} {suite + '.' if suite else ''}{name}"
            bad = case.find("failure") if case.find("failure") is not None else case.find("error")
            if bad is not None:
                lines = (bad.get("message") or bad.text or "no message").strip().splitlines()
                self.failed.append(f"{name}: {' '.join(lines)[:300]}")
            elif case.find("skipped") is not None:
                lines = (case.find("skipped").get("message") or "no reason given").strip().splitlines()
                self.skipped.append(f"{name}: {lines[-1]}")
            elif case.get("status") == "notrun":
                self.skipped.append(f"{name}: disabled by its name")
            else:
                self.passed += 1

    def add_result(self, label, result):
        """Counts one run of a test target."""
        status = result.get("status", "NO_STATUS")
        paths = [output["uri"] for output in result.get("testActionOutput", []) if output.get("name") == "test.xml"]
        passed, failed = self.passed, len(self.failed)
        try:
            for path in paths:
                self.add_cases(label, urllib.parse.unquote(urllib.parse.urlparse(path).path))
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            if status == "PASSED":
                self.failed.append(f"{label}: passed, but its report cannot be read: {error}")
        if status not in ("PASSED", "FLAKY"):
            if len(self.failed) == failed:
                self.failed.append(f"{label}: {status}")
        elif self.passed == passed and len(self.failed) == failed and not paths:
            self.passed += 1


def read_events(path):
    """The events of the file; a last line that is cut off ends it."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, ValueError):
        return


def collect(events):
    """The results of all targets that `events` speak of."""
    runs, results, unbuilt = {}, Results(), {}
    for event in events:
        identity = event["id"]
        if "testResult" in event:
            key = identity["testResult"]
            # The last attempt of a flaky test is the one that counts.
            runs[key["label"], key.get("run"), key.get("shard")] = event["testResult"]
        elif "targetCompleted" in identity or "targetConfigured" in identity:
            label = (identity.get("targetCompleted") or identity.get("targetConfigured"))["label"]
            if "aborted" in event:
                unbuilt[label] = event["aborted"].get("description") or event["aborted"].get("reason", "aborted")
            elif "completed" in event and not event["completed"].get("success"):
                unbuilt[label] = event["completed"].get("failureDetail", {}).get("message", "it was not built")
    tested = set()
    for (label, _, _), result in sorted(runs.items(), key=str):
        tested.add(label)
        results.add_result(label, result)
    for label, reason in sorted(unbuilt.items()):
        if label not in tested:
            results.failed.append(f"{label}: {' '.join(reason.split())[:300]}")
    return results


def main(path, status):
    results = collect(read_events(path))
    if status == NO_TESTS_FOUND and not results.failed:
        results.skipped.append("no test matches")
    elif status != 0 and not results.failed:
        results.failed.append(f"bazel ended with status {status}")
    for line in results.failed:
        print(f"FAILED {line}")
    for line in results.skipped:
        print(f"SKIPPED {line}")
    print(f"COUNT {results.passed} {len(results.failed)} {len(results.skipped)}")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
