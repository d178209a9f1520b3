"""The command line: `python -m core COMMAND`; without a command it says what there is."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from core.catalog import choices
from core.certificates import PARTITIONS
from core.cli import doctor
from core.data.registry import DATA
from core.data.torchvision_sets import whereabouts
from core.extractors.registry import EXTRACTORS, present
from core.spec.events import STAGES, Event
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import paths
from core.system.errors import Cancelled, PoisonLabError, SpecError, StoreError, unknown
from core.system.files import replacing, write_text
from core.system.tables import text_table

if TYPE_CHECKING:
    from core.storage.runs import StoredRun

cli = typer.Typer(
    help="Poison Lab: indiscriminate data poisoning of pre-trained feature extractors.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
_DEFAULT = ExperimentSpec()


_BESIDE_SPEC = {"out", "spec", "device", "quiet"}
"""Options of `run` that say nothing of the experiment itself."""


@cli.command()
def run(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write; an existing run there is replaced.")],
    spec: Annotated[
        Path | None, typer.Option(help="The whole experiment from a JSON file: a spec, or a run's result.json.")
    ] = None,
    data: Annotated[str, typer.Option(help="Data set, see `list`, or image-folder:PATH.")] = _DEFAULT.data,
    train_domain: Annotated[str | None, typer.Option(help="Domain of the training images.")] = None,
    test_domain: Annotated[str | None, typer.Option(help="Domain of the test images.")] = None,
    extractor: Annotated[str, typer.Option(help="Extractor, see `list`, or LIBRARY:ARCH@FILE.")] = _DEFAULT.extractor,
    input_size: Annotated[int | None, typer.Option(help="Side in pixels at which the extractor sees.")] = None,
    attack: Annotated[str, typer.Option(help="Attack, see `list`.")] = _DEFAULT.attack.name,
    stage2: Annotated[str | None, typer.Option(help="How poisoned features are found: gc or tgda.")] = None,
    target: Annotated[str | None, typer.Option(help="Target parameters of gc: gradpc or search.")] = None,
    budget: Annotated[float, typer.Option(help="Poisoned per clean training point.")] = _DEFAULT.budget,
    constraint: Annotated[str, typer.Option(help="none, valid or perturbation.")] = _DEFAULT.constraint,
    delta: Annotated[float, typer.Option(help="δ of the perturbation constraint.")] = _DEFAULT.delta,
    label_rule: Annotated[str, typer.Option(help="clean, random or adversarial.")] = _DEFAULT.label_rule,
    evade: Annotated[
        str | None, typer.Option(help="Defence that the poison is made to pass: sphere, slab, svd or loss.")
    ] = None,
    train_size: Annotated[int, typer.Option(help="Clean training images.")] = _DEFAULT.train_size,
    test_size: Annotated[int, typer.Option(help="Test images.")] = _DEFAULT.test_size,
    ridge: Annotated[float, typer.Option("--ridge", "--lambda", help="λ of the head.")] = _DEFAULT.ridge,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = _DEFAULT.seed,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of an attack's parameter.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    quiet: Annotated[bool, typer.Option(help="No progress on standard error.")] = False,
) -> None:
    """Run one experiment and write its folder."""
    if spec is not None:
        from core.presentation import export

        _refuse_beside_spec(context)
        _execute(export.read_spec(spec), out, device, quiet)
        return
    parameters: dict[str, Any] = {"name": attack}
    for name, value in (("stage2", stage2), ("target", target)):
        if value is not None:
            parameters[name] = value
    for item in set_ or []:
        name, sign, text = item.partition("=")
        if not sign:
            raise SpecError(f"--set takes NAME=VALUE; got {item!r}.")
        parameters[name] = text
    fields = {
        "data": data,
        "train_domain": train_domain,
        "test_domain": test_domain,
        "extractor": extractor,
        "input_size": input_size,
        "attack": parameters,
        "budget": budget,
        "constraint": constraint,
        "delta": delta,
        "label_rule": label_rule,
        "evade": evade,
        "train_size": train_size,
        "test_size": test_size,
        "ridge": ridge,
        "seed": seed,
    }
    asked = choices.resolve(parse_spec({key: value for key, value in fields.items() if value is not None}))
    _execute(asked, out, device, quiet)


def _refuse_beside_spec(context: typer.Context) -> None:
    """A file that reproduces a run is the whole experiment: an option beside it would make another one of it."""
    given = [
        f"--{name.rstrip('_').replace('_', '-')}"
        for name in context.params
        if name not in _BESIDE_SPEC
        and (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise SpecError(f"--spec is the whole experiment: leave out {', '.join(given)}, or change the file.")


def _execute(spec: ExperimentSpec, out: Path, device: str, quiet: bool) -> None:
    """Run a resolved spec and write its folder."""
    if out.exists() and not (out.is_dir() and _replaceable(out)):
        raise SpecError(f"--out {out} exists and is not a run's folder: give a new or an empty folder.")
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise SpecError(f"--out {out} can't be written: {nearest} is not a folder that you may write to.")
    # Not before the spec is known to be good: torch takes seconds to import.
    _use_all_cores()
    from core.experiments.run import run as run_spec

    result = run_spec(spec, _quiet if quiet else _Progress(), device=device)
    try:
        result.write(out)
    except OSError as error:
        raise PoisonLabError(f"The run can't be written to {out}: {error.strerror}.") from error
    if not quiet:
        sys.stderr.write("\n")
    accuracies = {
        name: f"{100 * score.accuracy:.1f}%"
        for name in ("clean", "target", "stage2", "poisoned")
        if (score := getattr(result, name)) is not None
    }
    typer.echo("  ".join(f"{name} {value}" for name, value in accuracies.items()) + f"  ->  {out}")


@cli.command("sweep")
def sweep_(
    out: Annotated[Path, typer.Option(help="Table to write: *.csv.")],
    spec: Annotated[
        Path | None, typer.Option(help="What all have in common: a spec as JSON; else the default.")
    ] = None,
    attack: Annotated[list[str] | None, typer.Option(help="Attack, see `list`; may be repeated.")] = None,
    budget: Annotated[list[float] | None, typer.Option(help="Poisoned per clean point; may be repeated.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; may be repeated, three or more tell more.")] = None,
    extractor: Annotated[list[str] | None, typer.Option(help="Extractor, see `list`; may be repeated.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Accuracy against budget for several attacks, beside random label flips; what is stored is not run again."""
    from core.experiments import sweep
    from core.experiments.result import drop
    from core.presentation import export
    from core.storage.runs import Store

    if out.suffix != ".csv":
        raise SpecError(f"--out {out} is not a *.csv file.")
    if not (out.absolute().parent.is_dir() and os.access(out.absolute().parent, os.W_OK)):
        raise SpecError(f"--out {out} can't be written: its folder is not there, or not yours to write to.")
    base = choices.resolve(_DEFAULT if spec is None else export.read_spec(spec))
    places = sweep.cells(
        base, attack or [base.attack.name], budget or sweep.BUDGETS, seed or [base.seed], extractor or ()
    )
    store, todo = Store(paths.results()), sweep.hashes(places)
    missing = [one for spec_hash, one in todo.items() if store.get(spec_hash) is None]
    typer.echo(f"{len(todo)} runs, {len(todo) - len(missing)} of them stored already")
    if missing:
        _use_all_cores()
        from core.experiments.run import run as run_spec

        for i, one in enumerate(missing, start=1):
            result = store.put(run_spec(one, device=device)).result
            asked = f"{one.attack.name} {one.extractor} {one.budget:g} seed {one.seed}"
            typer.echo(f"{i}/{len(missing)} {asked}: {drop(result):.1f}")
    found = sweep.collect(places, lambda spec_hash: kept.result if (kept := store.get(spec_hash)) else None)
    write_text(out, sweep.as_csv(found))
    typer.echo(str(out))


@cli.command("report")
def report_(
    run: Annotated[str, typer.Argument(help="Folder of a finished run, or the hash of a stored one.")],
    out: Annotated[Path | None, typer.Option(help="Report to write: one *.html file that needs no network.")] = None,
    table: Annotated[Path | None, typer.Option(help="Table of the poisoned points: *.csv or *.parquet.")] = None,
) -> None:
    """Write a finished run as one HTML file for people, and its points as a table."""
    from core.presentation import export
    from core.presentation import report as reports

    if out is None and table is None:
        raise SpecError("report writes --out FILE.html, --table FILE.csv (or .parquet), or both; neither was given.")
    if out is not None and out.suffix != ".html":
        raise SpecError(f"--out {out} is not a *.html file.")
    if table is not None and table.suffix not in export.TABLE_SUFFIXES:
        raise SpecError(f"--table {table} is not a *.csv or *.parquet file.")
    found = _find(run)
    # Everything is made before anything is written.
    made: list[tuple[Path, bytes]] = []
    if out is not None:
        made.append((out, reports.report(found).encode()))
    if table is not None:
        made.append((table, export.table_file(found, table.suffix)))
    for path, content in made:
        try:
            with replacing(path) as file:
                file.write(content)
        except OSError as error:
            raise PoisonLabError(f"{path} can't be written: {error.strerror}.") from error
        typer.echo(str(path))


@cli.command("defend")
def defend_(
    run: Annotated[str, typer.Argument(help="Folder of a finished run, or the hash of a stored one.")],
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", help="Defence, see `list`, as NAME or NAME:SETTING=VALUE; several are chained."),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Every defence by itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All that was found, as JSON.")] = False,
) -> None:
    """Look for the poison of a finished run as a defender would, and train the head on what is left."""
    from core.defences.chain import parse_chain
    from core.defences.registry import RECORDS
    from core.presentation import tables
    from core.storage import defended

    if bool(with_) == each:
        raise SpecError("defend takes --with DEFENCE, once or more, or --each.")
    chains = [parse_chain([name]) for name in RECORDS] if each else [parse_chain(with_ or [])]
    found = _find(run)
    _use_all_cores()
    results = [defended.judged(found, chain) for chain in chains]
    if as_json:
        typer.echo(json.dumps(results if each else results[0], indent=1))
    else:
        typer.echo(tables.defences_table(results))


@cli.command("certify")
def certify_(
    run: Annotated[str, typer.Argument(help="Folder of a finished run, or the hash of a stored one.")],
    partitions: Annotated[int, typer.Option(help="Heads that vote, each on its own part of the data.")] = PARTITIONS,
    as_json: Annotated[bool, typer.Option("--json", help="All that was found, as JSON.")] = False,
) -> None:
    """Say what accuracy no poison can take: by votes of heads on parts of the data, and on labels drawn anew."""
    from core.presentation import tables
    from core.storage import certified

    certified.check(partitions)
    found = _find(run)
    _use_all_cores()
    result = certified.certified(found, partitions)
    text = json.dumps(result, indent=1) if as_json else tables.certificates_text(result, found.result["n_poison"])
    typer.echo(text)


def _find(run: str) -> "StoredRun":
    """A finished run by its folder or, else, by its hash."""
    from core.storage.runs import Store, load

    if Path(run).exists():
        return load(Path(run))
    found = Store(paths.results()).get(run)
    if found is None:
        raise StoreError(f"{run} is neither the folder of a run nor the hash of a stored one.")
    return found


@cli.command("store")
def store_(
    clean: Annotated[
        bool, typer.Option("--clean", help="Delete what was used least recently, down to the limits.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what --clean would delete.")] = False,
    pin: Annotated[list[str] | None, typer.Option(help="Hash of a run that is never deleted; may be repeated.")] = None,
    unpin: Annotated[list[str] | None, typer.Option(help="Hash of a run that may go again; may be repeated.")] = None,
) -> None:
    """Runs that are stored, and the room that they take: keep some for good, delete others."""
    from core.presentation import tables
    from core.storage.runs import Store
    from core.system import cache, retention
    from core.system.settings import Limits

    limits = Limits.read()
    both = sorted(set(pin or ()) & set(unpin or ()))
    if both:
        raise SpecError(f"--pin and --unpin both name {both[0]}; give one of them.")
    if dry_run and (pin or unpin):
        raise SpecError("--dry-run says what --clean would delete; it doesn't go with --pin or --unpin.")
    try:
        store = Store(paths.results())
    except OSError as error:
        raise StoreError(f"The store {paths.results()} can't be opened: {error.strerror}.") from error
    missing = [name for name in pin or () if name not in store]
    if missing:
        raise StoreError(f"Run {missing[0]} isn't stored, so nothing was pinned; `store` lists what is.")
    for name in pin or ():
        store.pin(name)
    for name in unpin or ():
        store.unpin(name)
    if clean or dry_run:
        parts = {
            "run": store.clean(limits.store_megabytes * retention.MEGABYTE, dry_run=dry_run),
            "cached file": cache.clean(limits.cache_megabytes * retention.MEGABYTE, dry_run=dry_run),
        }
        for kind, cleaned in parts.items():
            done = "would be deleted" if dry_run else "deleted"
            for piece in cleaned.gone:
                typer.echo(f"{done}: {kind} {piece.name}  {retention.words(piece.size)}")
            over = ", more than is allowed: the rest is pinned or in use" if cleaned.size > cleaned.limit else ""
            count = f"{len(cleaned.gone):,} {kind}{'' if len(cleaned.gone) == 1 else 's'}"
            typer.echo(f"{count} {done}; what stays takes {retention.words(cleaned.size)}{over}")
        return
    pieces = sorted(store.pieces(), key=lambda piece: piece.used, reverse=True)
    if pieces:
        typer.echo(tables.store_table(pieces))
    size, cached = (sum(piece.size for piece in found) for found in (pieces, cache.pieces()))
    kept = sum(piece.kept for piece in pieces)
    typer.echo(
        f"runs: {len(pieces):,}, {kept:,} of them pinned: {retention.words(size)} of "
        f"{retention.words(limits.store_megabytes * retention.MEGABYTE)}"
    )
    typer.echo(f"cache: {retention.words(cached)} of {retention.words(limits.cache_megabytes * retention.MEGABYTE)}")


_DASK = {"allow_extra_args": True, "ignore_unknown_options": True}


@cli.command("scheduler", context_settings=_DASK)
def scheduler_(context: typer.Context) -> None:
    """Be the scheduler of a cluster; options are those of `dask scheduler`, such as --host and --port."""
    from core.serving import cluster

    cluster.become_scheduler(context.args)


@cli.command("worker", context_settings=_DASK)
def worker_(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Of the scheduler, as tcp://HOST:PORT.")],
    workers: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Processes, i.e. runs at a time [default: POISON_LAB_WORKERS].")
    ] = None,
) -> None:
    """Be workers of a cluster; further options are those of `dask worker`, such as --name and --local-directory."""
    from core.serving import cluster
    from core.system.settings import WORKERS

    cluster.become_workers(address, workers or WORKERS.read(), context.args)


@cli.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="All details, as JSON.")] = False) -> None:
    """Every extractor, data set, attack, defence, constraint and label rule by name."""
    everything = choices.listing()
    if as_json:
        typer.echo(json.dumps(everything, indent=1))
        return
    for kind in ("data", "extractors", "attacks", "defenses", "constraints", "label_rules"):
        typer.echo(kind)
        rows = []
        for name, about in everything[kind].items():
            words = about if isinstance(about, str) else about.get("about", about["title"])
            if kind == "data" and not about["embedded"]:
                words += f": {'on this machine' if about['here'] else whereabouts(DATA[name])}"
            rows.append([name, words])
        typer.echo(text_table(rows, align="ll", indent=2))


@cli.command("doctor")
def doctor_(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """What is installed, which device is used, and what is missing."""
    report = doctor.examine()
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo("\n".join(doctor.lines(report)))


@cli.command("gallery")
def gallery_(
    again: Annotated[bool, typer.Option("--again", help="Compute all anew, and say what has changed.")] = False,
) -> None:
    """Compute the experiments that ship in assets/gallery, where they are missing."""
    _use_all_cores()
    from core.storage import gallery

    for built in gallery.build(_Progress(), again=again):
        typer.echo(f"{built.folder}  {built.change}")


@cli.command("pretrain")
def pretrain_(
    out: Annotated[Path, typer.Option(help="Weights file to write, *.safetensors; its checkpoint lies beside it.")],
    data: Annotated[str, typer.Option(help="Data set, see `list`; labels are read to measure only.")] = _DEFAULT.data,
    domain: Annotated[str | None, typer.Option(help="Domain of the images, for data that has domains.")] = None,
    method: Annotated[str, typer.Option(help="simclr or moco.")] = "simclr",
    arch: Annotated[str, typer.Option(help="resnet10-small or resnet18-small.")] = "resnet10-small",
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="Passes over the images.")] = 24,
    batch: Annotated[int, typer.Option(min=2, max=65_536, help="Images per step.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    quiet: Annotated[bool, typer.Option(help="No progress on standard error.")] = False,
) -> None:
    """Learn an extractor without labels; killed at any moment, the same command goes on. Runs under torchrun too."""
    if out.suffix != ".safetensors":
        raise SpecError(f"--out {out} is not a *.safetensors file.")
    if not (out.absolute().parent.is_dir() and os.access(out.absolute().parent, os.W_OK)):
        raise SpecError(f"--out {out} can't be written: its folder is not there, or not yours to write to.")
    _use_all_cores()
    from core.catalog.lookup import data_info
    from core.extractors.networks import ARCHS
    from core.pretraining.methods import METHODS
    from core.pretraining.recipe import pretrain_data
    from core.pretraining.train import Progress, Settings, processes
    from core.system import device as devices

    for kind, name, known in (("method", method, METHODS), ("architecture", arch, ARCHS)):
        if name not in known:
            raise unknown(kind, name, known)
    settings = Settings(method=method, arch=arch, epochs=epochs, batch=batch, seed=seed)

    def tell(progress: Progress) -> None:
        if progress.knn is not None:
            typer.echo(
                f"epoch {progress.epoch + 1}/{progress.epochs}  loss {progress.loss:.3f}  kNN {100 * progress.knn:.1f}%"
            )
        elif not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kepoch {progress.epoch + 1} step {progress.step}/{progress.steps}")

    with processes(devices.choose(device)) as place:
        record = pretrain_data(data_info(data), settings, out, domain=domain, device=place, tell=tell)
    if record is None:
        return
    probe, pixels = (100 * record[name] for name in ("linear_probe", "linear_probe_of_pixels"))
    typer.echo(f"linear probe {probe:.1f}%  (of raw pixels {pixels:.1f}%)  ->  {out}")


@cli.command("compare-extractors")
def compare_extractors(
    extractor: Annotated[
        list[str] | None, typer.Option(help="Only this extractor, or pixels; may be repeated.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="Only this data set; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of extractors.json.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure how good the features are of what is named, else of every extractor whose weights are on this machine."""
    from core.evidence import quality
    from core.system import device as devices

    path = _folder(out, quality.FILE.parent) / quality.FILE.name
    _use_all_cores()
    names = extractor or [quality.PIXELS, *(name for name, record in EXTRACTORS.items() if present(record))]
    quality.measure_all(names, data or quality.EMBEDDED, devices.choose(device), path, typer.echo)
    typer.echo(str(path))


@cli.command("compare-settings")
def compare_settings(
    data: Annotated[list[str] | None, typer.Option(help="Data set of the head; may be repeated.")] = None,
    extractor: Annotated[list[str] | None, typer.Option(help="Extractor; may be repeated.")] = None,
    attack: Annotated[str, typer.Option(help="Attack, see `list`.")] = _DEFAULT.attack.name,
    budget: Annotated[float, typer.Option(help="Poisoned per clean training point.")] = _DEFAULT.budget,
    constraint: Annotated[str, typer.Option(help="none, valid or perturbation.")] = _DEFAULT.constraint,
    train_size: Annotated[int, typer.Option(help="Clean training images.")] = 1000,
    test_size: Annotated[int, typer.Option(help="Test images.")] = 2000,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; may be repeated, three or more tell more.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of settings.md, .html (the plot) and .json.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure fine-tuning against transfer, the same attack on each; takes up where it was broken off."""
    from core.evidence import settings as compare

    folder = _folder(out, compare.FOLDER)
    shared = {
        "attack": attack,
        "budget": budget,
        "constraint": constraint,
        "train_size": train_size,
        "test_size": test_size,
    }
    todo = compare.specs(data or compare.DATA, extractor or compare.EXTRACTORS, seed or compare.SEEDS, shared)
    _use_all_cores()
    found = compare.compare(todo, folder, device=device, tell=typer.echo)
    for gap in compare.gaps(found):
        typer.echo(compare.verdict(gap))
    typer.echo(str(folder / "settings.md"))


@cli.command("reproduce")
def reproduce_(
    seed: Annotated[list[int] | None, typer.Option(help="Seed; may be repeated, three or more tell more.")] = None,
    budget: Annotated[list[float] | None, typer.Option(help="Only this budget; may be repeated.")] = None,
    data: Annotated[list[str] | None, typer.Option(help="Only this data set; may be repeated.")] = None,
    train_size: Annotated[int, typer.Option(help="Clean training images.")] = 1000,
    test_size: Annotated[int, typer.Option(help="Test images.")] = 2000,
    processes: Annotated[int, typer.Option(help="Experiments at a time, each on its share of the cores.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder of results.md and results.json.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure every attack in every setting, with and without defences, and what the paper claims; takes hours, and
    takes up where it was broken off."""
    from core.evidence import grid, reproduce

    if processes < 1:
        raise SpecError(f"--processes is {processes}; allowed: 1 or more.")
    folder = _folder(out, paths.ROOT / "docs")
    sizes = {"train_size": train_size, "test_size": test_size}
    pairs = grid.pairs(data or ())
    todo = grid.specs(pairs, budget or grid.BUDGETS, seed or grid.SEEDS, sizes)
    _use_all_cores()
    reproduce.reproduce(todo, folder, device=device, processes=processes, tell=typer.echo)
    typer.echo(str(folder / "results.md"))


class _Progress:
    """Draws progress on standard error: one line that is written over, a stage a line."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, event: Event) -> None:
        if event.stage != self._stage:
            self._stage = event.stage
            sys.stderr.write("\n" if sys.stderr.isatty() else "")
            if not sys.stderr.isatty():
                sys.stderr.write(STAGES[event.stage] + "\n")
        if sys.stderr.isatty():
            values = "  ".join(f"{name} {value:.4g}" for name, value in event.values.items())
            count = f" {event.done}/{event.total}" if event.total else ""
            sys.stderr.write(f"\r\033[K{STAGES[event.stage]}{count}  {values}")
        sys.stderr.flush()


def _use_all_cores() -> None:
    """Take every core of the machine, or a share of them beside other processes that torchrun has started here."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def _folder(out: Path | None, usual: Path) -> Path:
    """Where a measurement is written."""
    folder = out or usual
    if not folder.is_dir():
        raise SpecError(f"--out {folder} is not a folder.")
    return folder


def _quiet(event: Event) -> None:
    pass


def _replaceable(folder: Path) -> bool:
    return not any(folder.iterdir()) or (folder / "result.json").is_file()


def main(arguments: list[str] | None = None, call: Callable[..., Any] = cli) -> int:
    """Run the command line; a person's mistake is one line on standard error and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = call(given or ["--help"], standalone_mode=False)
    except Cancelled as error:
        sys.stderr.write(f"{error}\n")
        return 130
    except PoisonLabError as error:
        sys.stderr.write(f"poison-lab: {error}\n")
        return 2
    except TyperException as error:  # an unknown option, or text where a number goes
        sys.stderr.write(f"poison-lab: {' '.join(error.format_message().split())}\n")
        return error.exit_code
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
