"""The list of tests that `make test-fast` leaves out: it names tests that are there, and is made of what they take."""

import re

import pytest

from core.system.paths import ROOT
from tests import long

REPORT = """<testsuites><testsuite>
<testcase classname="tests.heads.test_fit" name="test_quick[a]" time="0.1" />
<testcase classname="tests.heads.test_fit" name="test_quick[b]" time="0.19" />
<testcase classname="tests.heads.test_fit" name="test_slow_with_one[a]" time="0" />
<testcase classname="tests.heads.test_fit" name="test_slow_with_one[b[c]]" time="0.5" />
<testcase classname="tests.heads.test_fit" name="test_long" time="0.15" />
</testsuite></testsuites>"""


def test_every_name_is_that_of_a_test() -> None:
    listed = long.FILE.read_text().splitlines()
    assert listed == sorted(set(listed))
    for name in listed:
        file, _, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), f"{name} is gone: make long-tests"


def test_they_are_the_ones_that_took_long() -> None:
    assert long.long_ones(long.measured(REPORT)) == [
        "tests/heads/test_fit.py::test_long",
        "tests/heads/test_fit.py::test_slow_with_one",
    ]


def test_a_test_in_the_list_is_marked(request: pytest.FixtureRequest) -> None:
    listed = long.names()
    assert len(listed) > 100
    for item in request.session.items:
        assert (item.get_closest_marker("long") is not None) == (long.without_parameters(item.nodeid) in listed)
