#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts what `meson test` ran: count_tests.py TESTLOG.JSON prints "PASSED FAILED SKIPPED".

A program of the Check library says how many cases it held, and each counts; any other program is
one test. What failed goes to stderr with its output.
"""
import json
import re
import sys

CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)


def main(path):
    passed = failed = skipped = 0
    with open(path, encoding="utf-8") as file:
        tests = [json.loads(line) for line in file if line.strip()]
    for test in tests:
        output = test.get("stdout", "") + test.get("stderr", "")
        bad = test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP")
        suites = CHECKS.findall(output)
        cases = sum(int(all_) for all_, _, _ in suites)
        wrong = sum(int(fail) + int(error) for _, fail, error in suites)
        if test["result"] == "SKIP":
            skipped += 1
        elif suites:
            # A program may also fail beside its cases: a sanitizer's report, a crash at the end.
            wrong = max(wrong, 1) if bad else wrong
            failed += wrong
            passed += max(cases - wrong, 0)
        elif bad:
            failed += 1
        else:
            passed += 1
        if bad:
            lines = output.strip().splitlines()[-60:]
            print("FAIL %s (%s)" % (test["name"], test["result"]), file=sys.stderr)
            print("\n".join("\t" + line for line in lines), file=sys.stderr)
    print(passed, failed, skipped)


main(sys.argv[1])
