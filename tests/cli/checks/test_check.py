"""One screen of checks."""

from core.cli.checks.check import MOST_LINES, WIDTH, Check, as_text, worst

FINE = Check("Disk", "ok", "1 GB free")
WORN = Check("Files", "warning", "few", "Ask for more.")
BROKEN = Check("Home", "fault", "can't be written to", "Change its rights.")


def test_the_worst_decides() -> None:
    assert worst([]) == "ok"
    assert worst([FINE, WORN]) == "warning"
    assert worst([WORN, BROKEN, FINE]) == "fault"


def test_a_check_is_its_state_its_name_how_it_is_and_what_to_do() -> None:
    assert as_text([FINE, WORN, BROKEN]).splitlines() == [
        "ok       Disk         1 GB free",
        "warning  Files        few",
        "                      -> Ask for more.",
        "fault    Home         can't be written to",
        "                      -> Change its rights.",
        "1 ok, 1 warning, 1 fault",
    ]


def test_long_texts_are_wrapped_and_nothing_of_them_is_lost() -> None:
    words = [f"package-{i} 1.{i}" for i in range(40)]
    path = "/home" + "/a-folder-with-a-long-name" * 8
    lines = as_text([Check("Packages", "ok", " ".join(words)), Check("Home", "ok", path)]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "".join(lines[:-1]).replace(" ", "").removeprefix("okPackages").replace("okHome", "") == (
        "".join(words).replace(" ", "") + path
    )


def test_more_than_a_screen_begins_with_the_faults_and_says_what_is_left_out() -> None:
    lines = as_text([*[FINE] * 60, WORN, BROKEN]).splitlines()
    assert len(lines) == MOST_LINES
    assert lines[:4] == as_text([BROKEN, WORN]).splitlines()[:4]
    assert lines[-1] == f"60 ok, 1 warning, 1 fault; {64 - (MOST_LINES - 1)} more lines in --json"
