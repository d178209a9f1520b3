"""A step of pretraining: two views, the loss, the update; on a GPU a recorded graph of all its kernels.

A small network's step is many short kernels, each of which takes a GPU less time than Python takes to start it.
Recorded once and replayed (CUDA graphs, Gray 2019), the step takes the time of its kernels.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.pretraining.augment import Augmentation, two_views
from core.pretraining.methods import Method

WARM_UP = 3
"""Steps before the recording, in which libraries choose their kernels and the optimiser makes its moments."""


class Step:
    """Trains a method on a batch.

    Args:
        method: what is trained.
        trained: the method, or the module that passes its gradients to other processes.
        optimiser: of its parameters; its rate is a tensor where steps are recorded, which reads it anew in each.
        augmentation: of the views.
        normalised: applied to the views.
        device: of the method.
        recorded: whether steps are recorded, which a single GPU does.
    """

    def __init__(
        self,
        method: Method,
        trained: nn.Module,
        optimiser: torch.optim.Optimizer,
        augmentation: Augmentation,
        normalised: Callable[[Tensor], Tensor],
        device: torch.device,
        *,
        recorded: bool,
    ) -> None:
        self._method, self._trained, self._optimiser = method, trained, optimiser
        self._augmentation, self._normalised = augmentation, normalised
        self._on_gpu = device.type == "cuda"
        self._generator = torch.Generator(device)
        self._left = WARM_UP if recorded else -1
        self._graph: torch.cuda.CUDAGraph | None = None
        self._images = self._loss = torch.empty(0)

    def seed(self, seed: int) -> None:
        """Begin the random numbers of an epoch."""
        self._generator.manual_seed(seed)

    def __call__(self, images: Tensor) -> Tensor:
        """Train on images (N, C, H, W) in [0, 1], as many in each step; the loss, which the next step overwrites."""
        if self._graph is not None:
            self._images.copy_(images)
            self._graph.replay()
            return self._loss
        if self._left == 0:
            return self._record(images)
        if self._left < 0:
            return self._trained_on(images)
        self._left -= 1
        stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        here = torch.cuda.current_stream()
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            loss = self._trained_on(images)
        here.wait_stream(stream)
        return loss

    def _record(self, images: Tensor) -> Tensor:
        self._images = images.clone()
        self._optimiser.zero_grad()  # gradients lie in the graph's memory from here on
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph):
            self._loss = self._trained_on(self._images)
        self._graph = graph
        graph.replay()
        return self._loss

    def _trained_on(self, images: Tensor) -> Tensor:
        views = two_views(images, self._augmentation, self._generator, at_once=self._on_gpu)
        with torch.autocast("cuda" if self._on_gpu else "cpu", torch.bfloat16, enabled=self._on_gpu):
            loss: Tensor = self._trained(*self._normalised(views).chunk(2))
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._method.after_step()
        return loss.detach()
