"""What a pretraining needs to go on where it was killed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.pretraining.methods import Method
from core.system import finite_json
from core.system.errors import PoisonLabError
from core.system.files import replacing


class State:
    """The content of a checkpoint.

    Args:
        method, optimiser, schedule: what training changes.
        settings: of the pretraining; a checkpoint of other settings is refused.

    Attributes:
        epoch: number of finished epochs.
        losses, knn: of each of them.
        seconds: that they took, those before a restart included.
    """

    def __init__(
        self,
        method: Method,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        settings: Mapping[str, Any],
    ) -> None:
        self._parts: dict[str, Any] = {"method": method, "optimiser": optimiser, "schedule": schedule}
        self._settings = finite_json.dumps(dict(settings), sort_keys=True)
        self.epoch = 0
        self.losses: list[float] = []
        self.knn: list[float] = []
        self.seconds = 0.0

    def finish_epoch(self, loss: float, seconds: float) -> None:
        """Count an epoch, with its mean loss and its seconds."""
        self.epoch += 1
        self.losses.append(loss)
        self.seconds += seconds

    def save(self, path: Path) -> None:
        """Write the checkpoint, atomically."""
        own = {name: getattr(self, name) for name in ("epoch", "losses", "knn", "seconds")}
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        with replacing(path) as file:
            torch.save({"settings": self._settings, **own, **parts}, file)

    def restore(self, path: Path) -> None:
        """Take up a checkpoint, if the file is there.

        Raises:
            PoisonLabError: it is damaged, or of other settings.
        """
        if not path.exists():
            return
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
            settings = checkpoint["settings"]
        except Exception as error:  # torch raises many kinds, from pickle's to zipfile's
            raise PoisonLabError(f"Checkpoint {path} can't be read: delete it to start again.") from error
        if settings != self._settings:
            raise PoisonLabError(f"Checkpoint {path} is of other settings: delete it, or choose another --out.")
        for name, part in self._parts.items():
            part.load_state_dict(checkpoint[name])
        for name in ("epoch", "losses", "knn", "seconds"):
            setattr(self, name, checkpoint[name])
