"""`challenge`: open, list and judge challenges of a class, and pack what a plug-in made."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.options import Device
from core.system.errors import SpecError
from core.system.numbers import counted, fixed, percent

if TYPE_CHECKING:
    from core.challenge.judging import Judged
    from core.challenge.rules import Rules

challenge = typer.Typer(help="Challenges of a class: open, list, judge, pack.", no_args_is_help=True)
Code = Annotated[str | None, typer.Option(help="Code of a challenge in this home: judged on its hidden test split.")]
Spec = Annotated[
    Path | None, typer.Option(help="The experiment, as the lab exports it: its own test images, no challenge.")
]


def open_(
    spec: Annotated[Path, typer.Argument(help="The experiment: a spec as the lab exports it, or a result.json.")],
    rounds: Annotated[str, typer.Option(help="attack, defence or turns.")] = "attack",
    minutes: Annotated[float, typer.Option(help="Time limit of a round.")] = 20.0,
    tries: Annotated[int, typer.Option(help="Submissions that a person may hand in a round.")] = 5,
    title: Annotated[str, typer.Option(help="What the projector shows above the board.")] = "Challenge",
) -> None:
    """Open a challenge and print its code and the teacher's key, which can't be had again."""
    from core.challenge import codes, folder
    from core.challenge.rules import ROUNDS, parse_rules
    from core.presentation import export

    if rounds not in ROUNDS:
        raise SpecError(f"--rounds is {rounds!r}; allowed: {', '.join(ROUNDS)}.")
    experiment = export.read_spec(spec).model_dump(mode="json")
    values: dict[str, Any] = {"experiment": experiment, "rounds": ROUNDS[rounds], "minutes": minutes}
    opened, key = folder.open_challenge(parse_rules({**values, "tries": tries, "title": title}))
    typer.echo(f"code {codes.shown(opened.code)}")
    typer.echo(f"class: /challenge?code={opened.code}")
    typer.echo(f"teacher: /challenge?code={opened.code}&teacher={key}")


def list_() -> None:
    """List the challenges of this home, the newest first."""
    from core.challenge import codes, folder, people, submissions

    for opened in folder.all_challenges():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(opened.opened))
        phase = opened.course().phase(opened.rules, time.time())
        who = counted(len(people.people(opened)), "person", "people")
        what = counted(len(opened.names("submissions")), "submission")
        waiting = len(submissions.pending(opened))
        typer.echo(
            f"{codes.shown(opened.code)}  {when}  {phase:8}  {who}, {what}, {waiting} waiting  {opened.rules.title}"
        )


def judge(
    submission: Annotated[
        str,
        typer.Argument(help="A zip or npz of poison, a JSON file with an attack, or a defence, as defend takes it."),
    ],
    code: Code = None,
    spec: Spec = None,
    device: Device = "auto",
) -> None:
    """Judge a submission as a challenge would, without handing it in; several defences are joined by `+`."""
    if (code is None) == (spec is None):
        raise SpecError("judge takes --code of a challenge on this machine, or --spec of an experiment.")
    from core.challenge import folder
    from core.challenge.hidden import hidden_rows
    from core.challenge.rules import parse_rules
    from core.presentation import export
    from core.system.device import use_all_cores

    rows = None
    if code is not None:
        there = folder.find(code)
        rules, rows = there.rules, hidden_rows(there)
    else:
        assert spec is not None
        rules = parse_rules({"experiment": export.read_spec(spec).model_dump(mode="json")})
    use_all_cores()
    if Path(submission).suffix in (".zip", ".npz", ".json"):
        _echo_attack(_attack(rules, Path(submission), rows, device))
        return
    from core.challenge.judging import judged_settings
    from core.defences.chain import parse_chain

    chain = parse_chain(submission.split("+"))
    judged = judged_settings(rules.experiment, rows, device=device)
    _echo_attack(judged)
    left = judged.against(chain, rules, device=device)
    typer.echo(f"defended {percent(left.accuracy)}  damage left {fixed(left.damage)} points")


def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Argument(help="The npz to write.")],
) -> None:
    """Pack the poison of a run, e.g. of a plug-in's attack, into an npz to hand in; no code goes along."""
    from core.challenge.poison_files import OwnPoison, write_poison
    from core.cli.outputs import check_parent, check_suffix
    from core.storage.runs import load

    check_suffix("OUT", out, (".npz",))
    check_parent(out)
    stored = load(run)
    poison = stored.poison()
    x = poison.get("x")
    z = None if x is not None else stored.features()["poison_z"]
    out.write_bytes(write_poison(OwnPoison(x, z, poison["y"], poison["base_index"])))
    typer.echo(f"{counted(len(poison['y']), 'poisoned sample')}  ->  {out}")


def _attack(rules: "Rules", path: Path, rows: Any, device: str) -> "Judged":
    """Poison of a file, or of an attack with settings.

    Args:
        rules: of the challenge.
        path: of the file.
        rows: of the hidden test split, or None.
        device: "auto", "cpu" or "cuda".
    """
    from core.challenge.judging import judged_poison, judged_settings
    from core.challenge.poison_files import read_poison
    from core.challenge.submissions import image_shape

    if path.suffix == ".json":
        from core.presentation import export

        given = export.read_spec(path)
        submitted = rules.attack_spec(given.attack.model_dump(mode="json"), given.evade)
        return judged_settings(submitted, rows, device=device)
    if not path.is_file():
        raise SpecError(f"There is no file {path}.")
    poison = read_poison(path, path.name, image_shape(rules), rules.experiment.n_poison)
    return judged_poison(rules, poison, rows, device=device)


def _echo_attack(judged: "Judged") -> None:
    damage = fixed(100 * (judged.clean - judged.poisoned))
    typer.echo(f"clean {percent(judged.clean)}  poisoned {percent(judged.poisoned)}  damage {damage} points")
