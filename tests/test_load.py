"""The load test: what it refuses, its arithmetic, the browser's side of the protocol, and a short lesson."""

import asyncio
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider

from benchmarks.load import measure
from benchmarks.load.__main__ import Lesson, lesson, own_server, rejection, text, values
from benchmarks.load.protocol import Tab, TabError
from core.system.paths import ROOT

HERE = "http://127.0.0.1:8501"
SECONDS = 10.0
PACE = 0.1
LESSONS = 8


@pytest.mark.parametrize(
    ("address", "students", "seconds", "words"),
    [
        ("http://example.org:80", 1, 1, "only come to a server of this machine"),
        ("http://127.0.0.1.example.org:80", 1, 1, "only come to a server of this machine"),
        ("http://0.0.0.0:8501", 1, 1, "only come to a server of this machine"),
        (None, 0, 1, "1 to 100 are allowed"),
        (None, 101, 1, "1 to 100 are allowed"),
        (HERE, 1, 0, "1 to 1,800 are allowed"),
        (HERE, 1, 1801, "1 to 1,800 are allowed"),
        (HERE, 1, float("nan"), "1 to 1,800 are allowed"),
    ],
)
def test_other_machines_and_crowds_are_refused(address: str | None, students: int, seconds: float, words: str) -> None:
    assert words in str(rejection(address, students, seconds))


def test_what_is_allowed_is_not_refused() -> None:
    assert rejection(None, 30, 300) is None
    assert rejection(HERE, 100, 1800) is None


def test_a_refusal_is_one_sentence_and_exit_code_2() -> None:
    command = [sys.executable, "-m", "benchmarks.load", "--students", "101"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "101 students are refused: 1 to 100 are allowed.\n")


def test_a_lesson_itself_refuses() -> None:
    with pytest.raises(ValueError, match="only come to a server of this machine"):
        asyncio_run(lesson("http://192.0.2.1:80", 1, 1, 0))


def test_a_summary_is_in_percentiles() -> None:
    assert measure.summary([0.01 * k for k in range(101)]) == pytest.approx(
        {"count": 101, "p50": 0.5, "p95": 0.95, "largest": 1.0}
    )
    assert measure.summary([]) == {"count": 0}


def test_growth_is_what_comes_after_the_warm_up() -> None:
    seconds = list(range(300))
    flat = measure.growth(seconds, [min(100.0 + second, 160.0) for second in seconds], warm=60)
    assert flat == pytest.approx({"first": 160, "middle": 160, "last": 160, "slope": 0})
    leaky = measure.growth(seconds, [100.0 + second / 6 for second in seconds], warm=60)
    assert leaky["slope"] == pytest.approx(10)
    assert leaky["last"] - leaky["first"] == pytest.approx(179 / 6, abs=0.2)
    with pytest.raises(ValueError, match="samples of memory"):
        measure.growth([0, 1, 2, 3], [1, 1, 1, 1], warm=2)


def test_the_report_says_everything() -> None:
    found = Lesson(problems=Counter({"/media/x.png answers 404": 2}), processor={"server": 5.0})
    found.times["rerun"] = [0.25, 0.25]
    found.memory.seconds = list(range(10))
    found.memory.mib = {name: [50.0] * 10 for name in measure.PROCESSES}
    words = text(values(found, 10, ["Traceback"]), 2, 10, "Load.")
    for part in ("| Rerun | 2 | 0.25 | 0.25 | 0.25 |", "| Page | 0 | none |", "| Server | 50 | 50 | 50 | +0.0 |"):
        assert part in words
    assert "Errors: 3.\n- 2 × /media/x.png answers 404" in words


# The browser's side of the protocol, without a server.


def asyncio_run(work: object) -> None:
    """In a thread of its own: Playwright leaves a loop behind in that of the tests."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def tab(problems: list[str]) -> Tab:
    return Tab(HERE, problems.append)


def begin(run: str, *fragments: str, page: str = "page") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.run.script_run_id = run
    message.metadata.run.fragment_ids.extend(fragments)
    message.new_session.page_script_hash = page
    message.new_session.main_script_hash = "main"
    message.new_session.config.max_cached_message_age = 2
    return message


def finish(run: str, *fragments: str) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.run.script_run_id = run
    message.metadata.run.fragment_ids.extend(fragments)
    message.script_finished = (
        ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY if fragments else ForwardMsg.FINISHED_SUCCESSFULLY
    )
    return message


def slider(place: int, name: str, value: float, *, script: str = "page", given: bool = False) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, place])
    message.metadata.active_script_hash = script
    drawn = message.delta.new_element.slider
    drawn.id = f"$$ID-0-{name}"
    drawn.default.append(value)
    drawn.value.append(value)
    drawn.set_value = given
    return message


def test_options_of_a_slider_are_said_by_their_words(tab: Tab) -> None:
    message = slider(0, "a", 1)
    message.delta.new_element.slider.type = Slider.SELECT_SLIDER
    message.delta.new_element.slider.options.extend(["first", "second"])
    tab.take(message)
    assert list(tab.states["$$ID-0-a"].string_array_value.data) == ["second"]


def value(tab: Tab, name: str) -> list[float]:
    return list(tab.states[f"$$ID-0-{name}"].double_array_value.data)


def test_widgets_keep_their_state_until_they_are_gone(tab: Tab) -> None:
    for message in (begin("1"), slider(0, "a", 1), slider(1, "b", 2), finish("1")):
        tab.take(message)
    tab.states["$$ID-0-a"].double_array_value.data[:] = [5]
    for message in (begin("2"), slider(0, "a", 1), finish("2")):
        tab.take(message)
    assert value(tab, "a") == [5]
    assert tab.widget("b") is None
    assert set(tab.states) == {"$$ID-0-a"}
    tab.take(slider(0, "a", 3, given=True))
    assert value(tab, "a") == [3]


def test_another_page_keeps_the_frame_alone(tab: Tab) -> None:
    for message in (begin("1"), slider(0, "frame", 1, script="main"), slider(1, "own", 2), finish("1")):
        tab.take(message)
    tab.take(begin("2", page="other"))
    assert set(tab.states) == {"$$ID-0-frame"}


def test_a_fragment_replaces_what_it_drew_and_nothing_else(tab: Tab) -> None:
    inside = slider(1, "inside", 1)
    inside.delta.fragment_id = "f"
    for message in (begin("1"), slider(0, "outside", 1), inside, finish("1"), begin("2", "f"), finish("2", "f")):
        tab.take(message)
    assert set(tab.states) == {"$$ID-0-outside"}


def test_a_known_message_is_drawn_by_its_hash(tab: Tab, problems: list[str]) -> None:
    large = slider(0, "large", 1)
    large.hash, large.metadata.cacheable = "h", True
    known = ForwardMsg(ref_hash="h")
    known.metadata.delta_path.extend([0, 3])
    for message in (begin("1"), large, finish("1"), begin("2"), known, finish("2")):
        tab.take(message)
    assert list(tab.nodes) == [(0, 3)]
    for run in ("3", "4", "5"):  # kept for two runs in which nobody needs it
        tab.take(begin(run))
        tab.take(finish(run))
    assert problems == []
    tab.take(known)
    assert problems == ["The server takes a message for known that was never sent"]


def test_errors_on_the_page_are_told(tab: Tab, problems: list[str]) -> None:
    for kind in (Alert.ERROR, Alert.WARNING):
        message = ForwardMsg()
        message.metadata.delta_path.extend([0, 0])
        message.delta.new_element.alert.format = kind
        message.delta.new_element.alert.body = "It failed"
        tab.take(message)
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, 0])
    message.delta.new_element.exception.type = "KeyError"
    tab.take(message)
    assert problems == ["The page shows: It failed", "KeyError: "]


def test_a_server_that_is_gone_is_an_error(problems: list[str]) -> None:
    async def visit() -> None:
        tab = Tab("http://127.0.0.1:9", problems.append)  # nobody listens there
        with pytest.raises(TabError):
            await tab.open("lab")
        await tab.quit()

    asyncio_run(visit())
    assert len(problems) == 1


@pytest.mark.processes
@pytest.mark.slow
def test_two_students_work_without_an_error() -> None:
    log: list[str] = []
    found: list[Lesson] = []
    wanted = {"page", "rerun", "queue", "run", "slide"}
    seen: set[str] = set()

    async def teach(address: str, seed: int) -> None:
        found.append(await lesson(address, 2, SECONDS, seed=seed, pace=PACE))

    with own_server(log) as address:
        for seed in range(LESSONS):  # what they get done depends on the machine
            asyncio_run(teach(address, seed))
            seen |= {what for what, times in found[-1].times.items() if times} | found[-1].actions.keys()
            if wanted <= seen:
                break
    assert [measured.problems for measured in found] == [{}] * len(found)
    assert not log
    assert wanted <= seen
    assert min(min(measured.memory.mib["server"]) for measured in found) > 50
    assert min(min(measured.memory.mib["workers"]) for measured in found) > 50
