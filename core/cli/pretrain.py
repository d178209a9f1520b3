"""`pretrain`: self-supervised training of a custom extractor."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import DEFAULTS, Device, Quiet, option
from core.cli.outputs import check_parent, check_suffix
from core.system.errors import unknown
from core.system.numbers import fixed

if TYPE_CHECKING:
    from core.pretraining.train import Progress


def pretrain(
    out: Annotated[Path, typer.Option(help="Weights file to write, *.safetensors; its checkpoint lies beside it.")],
    data: Annotated[str, option("data", "Labels are read to measure only.")] = DEFAULTS.data,
    domain: Annotated[str | None, typer.Option(help="Domain of the images, for data that has domains.")] = None,
    method: Annotated[str, typer.Option(help="simclr or moco.")] = "simclr",
    arch: Annotated[str, typer.Option(help="resnet10-small or resnet18-small.")] = "resnet10-small",
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="Passes over the images.")] = 24,
    batch: Annotated[int, typer.Option(min=2, max=65_536, help="Images per step.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train an extractor without labels; killed at any moment, the same command goes on. Runs under torchrun too."""
    check_suffix("--out", out, (".safetensors",))
    check_parent(out)
    from core.catalog.lookup import data_info
    from core.extractors.networks import ARCHS
    from core.pretraining.methods import METHODS
    from core.pretraining.recipe import pretrain_data
    from core.pretraining.train import Settings, processes
    from core.system import device as devices

    devices.use_all_cores()
    for kind, name, known in (("method", method, METHODS), ("architecture", arch, ARCHS)):
        if name not in known:
            raise unknown(kind, name, known)
    settings = Settings(method=method, arch=arch, epochs=epochs, batch=batch, seed=seed)

    def report(progress: "Progress") -> None:
        if progress.knn is not None:
            typer.echo(
                f"epoch {progress.epoch + 1}/{progress.epochs}  loss {fixed(progress.loss, 3)}  "
                f"kNN {fixed(100 * progress.knn)}%"
            )
        elif not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kepoch {progress.epoch + 1} step {progress.step}/{progress.steps}")

    with processes(devices.choose(device)) as place:
        record = pretrain_data(data_info(data), settings, out, domain=domain, device=place, report=report)
    if record is None:
        return
    probe, pixels = (100 * record[name] for name in ("linear_probe", "linear_probe_of_pixels"))
    typer.echo(f"linear probe {fixed(probe)}%  (of raw pixels {fixed(pixels)}%)  ->  {out}")
