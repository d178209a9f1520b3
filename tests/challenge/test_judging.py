"""Judging equals the lab's own runs and defences on the split's images; rules are enforced; the split stays hidden."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.catalog.split import draw_for
from core.challenge.board import board_of, table
from core.challenge.folder import Challenge
from core.challenge.hidden import hidden_rows
from core.challenge.judging import judge
from core.challenge.submissions import (
    Submission,
    all_submissions,
    hand_in_attack,
    hand_in_defence,
    hand_in_poison,
    image_shape,
    pending,
    tries_left,
)
from core.challenge.verdicts import Pair, Verdict, opponents, verdict_of
from core.defences.chain import parse_chain
from core.defences.evaluation import defend
from core.experiments.result import Result, to_uint8
from core.experiments.run import run
from core.storage.runs import Store
from core.system import paths
from core.system.errors import ChallengeError, DataError, SpecError
from tests.challenge.conftest import ada, next_round, opened

FLIP = {"name": "label-flip"}


def judged(challenge: Challenge, entry: Submission) -> Verdict:
    judge(challenge.code, entry.id, device="cpu")
    verdict = verdict_of(challenge, entry.id)
    assert verdict is not None
    return verdict


def lab_run(challenge: Challenge, attack: dict[str, Any] = FLIP) -> Result:
    """What the lab computes when it is given the rows of the hidden split."""
    spec = challenge.rules.attack_spec(attack, None)
    return run(spec, device="cpu", with_map=False, test_rows=hidden_rows(challenge))


def export(result: Result, path: Path, **changes: Any) -> Path:
    """The zip of a run's images, as the lab exports it."""
    assert result.poison.x is not None
    x, y, base = to_uint8(result.poison.x), result.poison.y.copy(), result.poison.base_index.copy()
    lines = ["file,label,class,base_index"]
    with zipfile.ZipFile(path, "w") as archive:
        for i, image in enumerate(x):
            buffer = io.BytesIO()
            Image.fromarray(changes.get("image", image[0])).save(buffer, "PNG")
            archive.writestr(f"poison-x/{i:05d}.png", buffer.getvalue())
            lines.append(f"{i:05d}.png,{changes.get('label', y[i])},some,{changes.get('base', base[i])}")
        archive.writestr("poison-x/labels.csv", "\n".join(lines[: changes.get("rows", len(lines))]) + "\n")
    return path


def test_judging_settings_equals_a_run_on_the_rows_of_the_split() -> None:
    challenge = opened()
    verdict = judged(challenge, hand_in_attack(challenge, ada(challenge), FLIP, None))
    result = lab_run(challenge)
    assert verdict.state == "judged"
    assert verdict.clean == result.clean.accuracy
    assert [pair.accuracy for pair in verdict.pairs] == [result.poisoned.accuracy]
    assert verdict.damage == 100 * (result.clean.accuracy - result.poisoned.accuracy)


def test_judging_the_lab_s_own_export_equals_the_run(tmp_path: Path) -> None:
    challenge = opened()
    result = lab_run(challenge)
    verdict = judged(challenge, hand_in_poison(challenge, ada(challenge), export(result, tmp_path / "p.zip"), "p.zip"))
    assert (verdict.reason, verdict.state) == ("", "judged")
    assert verdict.pairs[0].accuracy == result.poisoned.accuracy


def test_judging_feature_vectors_equals_the_run(tmp_path: Path) -> None:
    """As somebody hands in what a plug-in has made."""
    challenge = opened(experiment={"attack": {"name": "gc-feature", "steps": 5}})
    result = lab_run(challenge, {"name": "gc-feature", "steps": 5})
    poison = result.poison
    np.savez(tmp_path / "p.npz", z=poison.z, y=poison.y, base_index=poison.base_index)
    verdict = judged(challenge, hand_in_poison(challenge, ada(challenge), tmp_path / "p.npz", "p.npz"))
    assert (verdict.reason, verdict.state) == ("", "judged")
    assert verdict.pairs[0].accuracy == result.poisoned.accuracy


def test_judging_a_defence_equals_the_lab_s_defence() -> None:
    challenge = opened("attack", "defence")
    person = ada(challenge)
    attack = hand_in_attack(challenge, person, FLIP, None)
    judged(challenge, attack)
    next_round(challenge)
    texts = ["sphere:share=0.1", "knn"]
    verdict = judged(challenge, hand_in_defence(challenge, person, texts))
    result = lab_run(challenge)
    chain = parse_chain(texts)
    lab = defend(result.features, chain, len(result.classes), result.spec.ridge)
    assert [(pair.attack, pair.accuracy) for pair in verdict.pairs] == [(attack.id, lab.defended.accuracy)]
    assert verdict.damage == 100 * (lab.clean.accuracy - lab.defended.accuracy)


def test_a_defence_without_an_attack_round_meets_the_challenge_s_own_attack() -> None:
    challenge = opened("defence")
    verdict = judged(challenge, hand_in_defence(challenge, ada(challenge), ["sphere"]))
    result = lab_run(challenge)
    lab = defend(result.features, parse_chain(["sphere"]), len(result.classes), result.spec.ridge)
    assert [(pair.attack, pair.accuracy) for pair in verdict.pairs] == [("reference", lab.defended.accuracy)]


def test_turns_attack_meets_the_best_defence_of_the_round_before() -> None:
    challenge = opened("attack", "defence", "attack")
    person, other = ada(challenge), ada(challenge, "Bob")
    first = hand_in_attack(challenge, person, FLIP, None)
    next_round(challenge)
    bad = hand_in_defence(challenge, person, ["range"])
    good = hand_in_defence(challenge, other, ["knn:share=0.15"])
    assert opponents(challenge, bad) is None
    with pytest.raises(ChallengeError, match="not judged yet"):
        judge(challenge.code, bad.id, device="cpu")
    judged(challenge, first)
    by_id = {entry.id: judged(challenge, entry).damage for entry in (bad, good)}
    best = min(by_id, key=lambda name: (by_id[name], name))
    next_round(challenge)
    last = hand_in_attack(challenge, person, FLIP, None)
    assert opponents(challenge, last) == [best]
    verdict = judged(challenge, last)
    assert [pair.defence for pair in verdict.pairs] == ["", best]
    assert verdict.damage == verdict.pairs[1].damage == by_id[best]
    board = board_of(challenge, everything=False)
    assert board.pair is not None
    assert (board.pair.attack, board.pair.damage) == ("Ada", by_id[best])


def test_a_defence_meets_the_three_strongest_attacks_that_differ() -> None:
    challenge = opened("attack", "defence", tries=9)
    person, other = ada(challenge), ada(challenge, "Bob")
    damages = {}
    for who, attack, damage in (
        (person, FLIP, 9.0),
        (other, FLIP, 9.0),
        (person, {"name": "noise"}, 7.0),
        (other, {"name": "gc-feature", "steps": 5}, 3.0),
        (other, {"name": "gc-feature", "steps": 6}, 8.0),
    ):
        entry = hand_in_attack(challenge, who, attack, None)
        pairs = (Pair(entry.id, "", 0.5, damage),)
        challenge.write("verdicts", entry.id, Verdict(entry.id, "judged", clean=0.9, pairs=pairs).to_json())
        damages[entry.id] = damage
    next_round(challenge)
    met = opponents(challenge, hand_in_defence(challenge, person, ["sphere"]))
    assert met is not None
    assert [damages[name] for name in met] == [9.0, 8.0, 7.0]


@pytest.mark.parametrize(
    ("experiment", "changes", "words"),
    [
        ({"label_rule": "adversarial"}, {"label": 3}, "Rule labels"),
        ({}, {"label": 77}, "Rule labels"),
        ({}, {"base": 100}, "Rule base images"),
        ({"constraint": "perturbation"}, {"image": np.full((28, 28), 128, np.uint8)}, "more than 8/255"),
    ],
)
def test_poison_that_breaks_a_rule_is_refused_with_the_rule(
    tmp_path: Path, experiment: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    challenge = opened(experiment=experiment)
    path = export(lab_run(challenge), tmp_path / "p.zip", **changes)
    verdict = judged(challenge, hand_in_poison(challenge, ada(challenge), path, "p.zip"))
    assert verdict.state == "refused"
    assert words in verdict.reason
    board = board_of(challenge, everything=True)
    assert (board.attacks, board.refused) == ((), 1)


def test_poison_beyond_the_budget_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    challenge = opened(experiment={"budget": 0.1})
    result = lab_run(challenge)
    small = opened(experiment={"budget": 0.05})
    with pytest.raises(DataError, match="budget allows 1 to 5"):
        hand_in_poison(small, ada(small), export(result, tmp_path / "p.zip"), "p.zip")
    assert all_submissions(small) == []


def test_features_outside_their_range_are_refused(tmp_path: Path) -> None:
    challenge = opened()
    width = lab_run(challenge).features["train_z"].shape[1]
    np.savez(tmp_path / "p.npz", z=np.full((2, width), 1e3), y=np.array([1, 2]))
    verdict = judged(challenge, hand_in_poison(challenge, ada(challenge), tmp_path / "p.npz", "p.npz"))
    assert (verdict.state, verdict.reason[:16]) == ("refused", "Rule constraint:")


def test_images_where_images_are_asked_for(tmp_path: Path) -> None:
    challenge = opened(images_only=True)
    with pytest.raises(ChallengeError, match="asks for images"):
        hand_in_attack(challenge, ada(challenge), {"name": "gc-feature"}, None)
    np.savez(tmp_path / "p.npz", z=np.zeros((2, 4)), y=np.array([1, 2]))
    verdict = judged(challenge, hand_in_poison(challenge, ada(challenge, "Bob"), tmp_path / "p.npz", "p.npz"))
    assert "Rule images" in verdict.reason


def test_who_may_hand_in_what_and_how_often() -> None:
    challenge = opened("attack", "defence", tries=2)
    person = ada(challenge)
    with pytest.raises(ChallengeError, match="for attacks"):
        hand_in_defence(challenge, person, ["sphere"])
    with pytest.raises(SpecError, match="no-such"):
        hand_in_attack(challenge, person, {"name": "no-such"}, None)
    with pytest.raises(SpecError, match="sphere2"):
        hand_in_attack(challenge, person, FLIP, "sphere2")
    for left in (1, 0):
        hand_in_attack(challenge, person, FLIP, None)
        assert tries_left(challenge, person, 0) == left
    with pytest.raises(ChallengeError, match="2 submissions"):
        hand_in_attack(challenge, person, FLIP, None)
    assert tries_left(challenge, ada(challenge, "Bob"), 0) == 2
    next_round(challenge)
    hand_in_defence(challenge, person, ["sphere"])
    with pytest.raises(ChallengeError, match="at least one"):
        hand_in_defence(challenge, person, [])
    challenge.change(lambda course: course.with_end(0.0))
    with pytest.raises(ChallengeError, match="No round is open"):
        hand_in_defence(challenge, person, ["sphere"])


def test_what_would_take_too_long_is_refused() -> None:
    challenge = opened(seconds=1)
    with pytest.raises(ChallengeError, match="expected to take"):
        hand_in_attack(challenge, ada(challenge), {"name": "tgda-input", "steps": 5000}, None)


def test_the_board_freezes_hides_names_and_exports(tmp_path: Path) -> None:
    challenge = opened()
    person, other = ada(challenge, '=HYPERLINK("x")'), ada(challenge, "Bob")
    first = hand_in_attack(challenge, person, FLIP, None)
    challenge.change(lambda course: course.with_board(frozen=first.time))
    second = hand_in_attack(challenge, other, {"name": "noise"}, None)
    for entry, accuracy in ((first, 0.6), (second, 0.7)):
        pairs = (Pair(entry.id, "", accuracy, 100 * (0.8 - accuracy)),)
        challenge.write("verdicts", entry.id, Verdict(entry.id, "judged", clean=0.8, pairs=pairs).to_json())
    assert [row.name for row in board_of(challenge, everything=False).attacks] == ['=HYPERLINK("x")']
    board = board_of(challenge, everything=True)
    assert [row.name for row in board.attacks] == ['=HYPERLINK("x")', "Bob"]
    assert [step.name for step in board.history] == ['=HYPERLINK("x")']
    assert [round(row.damage, 6) for row in board.attacks] == [20.0, 10.0]
    assert board.clean == 0.8
    lines = table(challenge).splitlines()
    assert len(lines) == 3
    assert "'=HYPERLINK" in lines[1]
    challenge.change(lambda course: course.with_person(person.id, hidden=True).with_reveal(0.0))
    assert [row.name for row in board_of(challenge, everything=False).attacks] == ["(hidden)", "Bob"]


def test_the_split_is_drawn_by_the_secret_and_no_sample_of_the_lab() -> None:
    one, two = opened(), opened()
    rows = hidden_rows(one)
    assert len(rows) == len(set(rows.tolist())) == 60
    assert (rows == hidden_rows(one)).all()
    assert set(rows.tolist()) != set(hidden_rows(two).tolist())
    public = draw_for(one.rules.experiment)
    hidden = draw_for(one.rules.experiment, rows)
    assert np.array_equal(np.asarray(public.train_x), np.asarray(hidden.train_x))
    assert not np.array_equal(np.asarray(public.test_x), np.asarray(hidden.test_x))
    (paths.home() / "secret").write_bytes(b"x" * 32)
    assert set(hidden_rows(one).tolist()) != set(rows.tolist())


def test_nothing_of_the_split_is_written_where_anybody_looks(tmp_path: Path) -> None:
    """Neither rows nor labels nor features of test images are in the challenge's folder, and no run is in the store."""
    challenge = opened("attack", "defence")
    person = ada(challenge)
    entry = hand_in_attack(challenge, person, FLIP, None)
    judged(challenge, entry)
    judged(challenge, hand_in_poison(challenge, person, export(lab_run(challenge), tmp_path / "p.zip"), "p.zip"))
    next_round(challenge)
    judged(challenge, hand_in_defence(challenge, person, ["sphere"]))
    rows, result = hidden_rows(challenge), lab_run(challenge)
    test_z = {row.tobytes() for row in result.features["test_z"]}
    for path in challenge.folder.rglob("*.json"):
        assert not _lists_of(json.loads(path.read_text()), len(rows)), path
    for path in challenge.folder.rglob("*.npz"):
        with np.load(path) as arrays:
            assert set(arrays.files) <= {"x", "z", "y", "base_index"}
            assert len(arrays["y"]) == challenge.rules.experiment.n_poison
            if "z" in arrays.files:
                assert not {row.tobytes() for row in arrays["z"]} & test_z
    store = Store(paths.results(), shipped=None)
    assert store.list() == []
    assert challenge.rules.spec_of(FLIP, None).hash not in store
    assert not list(paths.results().glob("[0-9a-f]*"))


def _lists_of(value: Any, length: int) -> bool:
    """Whether JSON has a list that is as long as the split."""
    if isinstance(value, dict):
        return any(_lists_of(part, length) for part in value.values())
    return isinstance(value, list) and (len(value) >= length or any(_lists_of(part, length) for part in value))


def test_what_is_confirmed_is_pending_until_it_is_judged() -> None:
    challenge = opened()
    entry = hand_in_attack(challenge, ada(challenge), FLIP, None)
    assert [other.id for other in pending(challenge)] == [entry.id]
    before = judged(challenge, entry)
    assert pending(challenge) == []
    judge(challenge.code, entry.id, device="cpu")
    assert verdict_of(challenge, entry.id) == before


def test_a_challenge_on_feature_vectors_judges_hidden_rows_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    z = (rng.normal(size=(400, 5)) + 2 * y[:, None]).astype(np.float32)
    np.savez(tmp_path / "own.npz", train_z=z[:200], train_y=y[:200], test_z=z[200:], test_y=y[200:])
    attack = {"name": "gc-feature", "steps": 5}
    fields = {"data": f"features:{tmp_path / 'own.npz'}", "extractor": None, "attack": attack, "train_size": 150}
    challenge = opened(experiment={name: value for name, value in fields.items() if value is not None})
    verdict = judged(challenge, hand_in_attack(challenge, ada(challenge), attack, None))
    result = lab_run(challenge, attack)
    assert (verdict.reason, verdict.pairs[0].accuracy) == ("", result.poisoned.accuracy)
    hidden = {row.tobytes() for row in z[200:][hidden_rows(challenge)]}
    assert len(hidden) == len(result.features["test_y"]) == 60
    np.savez(tmp_path / "p.npz", x=np.zeros((1, *_shape(challenge)), np.float32), y=np.array([1]))
    refused = judged(challenge, hand_in_poison(challenge, ada(challenge, "Bob"), tmp_path / "p.npz", "p.npz"))
    assert "Rule features" in refused.reason


def _shape(challenge: Challenge) -> tuple[int, int, int]:
    return image_shape(challenge.rules)
