"""Lists the slowest files and tests of a run of the tests, from pytest's report of it.

    bash tools/test.sh --junitxml=report.xml
    python tools/slowest_tests.py report.xml [how many, 20 unless said]

The time of a test contains its fixtures'; that of a file is the sum over its tests.
"""

import collections
import sys
import xml.etree.ElementTree


def slowest(report, count):
    """Yields lines of text: the slowest files with their seconds and tests, and single tests.

    Args:
        report: Path of a JUnit XML file.
        count: How many of each.
    """
    files, tests = collections.defaultdict(list), []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        seconds = float(case.get("time"))
        files[case.get("classname")].append(seconds)
        tests.append((seconds, f"{case.get('classname')}::{case.get('name')}"))
    total = sum(seconds for seconds, _ in tests)
    yield f"{total:8.1f} s, {len(tests):,} tests in {len(files):,} files"
    yield "Files:"
    for name, each in sorted(files.items(), key=lambda item: -sum(item[1]))[:count]:
        yield f"{sum(each):8.1f} s, {len(each):5,} tests  {name}"
    yield "Tests:"
    for seconds, name in sorted(tests, reverse=True)[:count]:
        yield f"{seconds:8.1f} s  {name}"


if __name__ == "__main__":
    for line in slowest(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 20):
        print(line)
