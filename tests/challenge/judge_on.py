"""A server that judges, without its pages: `python -m tests.challenge.judge_on FOLDER NAME`, for tests of several.

It writes FOLDER/NAME.ready once its workers can be asked, judges from FOLDER/go on until FOLDER/stop is there and
nothing is pending, and prints what it has judged and the board that it shows, as JSON.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path

from core.challenge.board import board_of
from core.challenge.folder import all_challenges
from core.challenge.referee import Referee
from core.serving.engine import get_engine

LOOK_SECONDS = 0.05


def main() -> None:
    """Judge on."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    engine, referee, claimed = get_engine(), Referee(), set[str]()
    (folder / f"{name}.ready").touch()
    while not (folder / "go").exists():
        time.sleep(LOOK_SECONDS)
    while referee.look(engine) or not (folder / "stop").exists():
        claimed |= {submission for _, submission in referee.claims}
        time.sleep(LOOK_SECONDS)
    boards = [dataclasses.asdict(board_of(challenge, everything=True)) for challenge in all_challenges()]
    print(json.dumps({"judged": sorted(claimed), "boards": boards}))
    engine.close()


if __name__ == "__main__":
    main()
