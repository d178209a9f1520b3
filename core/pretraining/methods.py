"""Contrastive methods: SimCLR (Chen et al. 2020, arXiv 2002.05709) and MoCo v2 (He et al. 2020, arXiv 1911.05722)."""

import copy
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.nn.functional import all_gather
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn

PROJECTION = 128


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross-entropy: each embedding has to identify its other view among 2N - 1.

    With several processes, the embeddings of all of them take part.

    Args:
        first, second: (N, k) embeddings of unit length, one of each view.
        temperature: divides the similarities.
    """
    if dist.is_available() and dist.is_initialized():
        gathered = (all_gather(part) for part in (first, second))  # type: ignore[no-untyped-call]
        first, second = (torch.cat(list(parts)) for parts in gathered)
    n = len(first)
    both = torch.cat([first, second])
    similarity = both @ both.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * n, device=both.device).roll(n)
    return F.cross_entropy(similarity.float(), partner)


class Method(nn.Module):
    """A backbone with its training objective; `forward` is the loss of two views.

    Args:
        backbone: images (N, C, H, W) to features (N, width).
        width: number of features.
        temperature: of the contrastive loss.
    """

    backbone: nn.Module

    def __init__(self, backbone: nn.Module, width: int, temperature: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.temperature = temperature
        self.projector = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, PROJECTION)
        )

    @abstractmethod
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss of two views (N, C, H, W) each."""

    def after_step(self) -> None:
        """Called after each optimiser step."""


class SimCLR(Method):
    """Both views pass through the same network; the batch provides the negatives."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The NT-Xent loss of two views (N, C, H, W) each."""
        embedded = F.normalize(self.projector(self.backbone(torch.cat([first, second]))), dim=1)
        a, b = embedded.chunk(2)
        return nt_xent(a, b, self.temperature)


class MoCo(Method):
    """One view passes through a momentum copy of the network; a queue of its embeddings provides the negatives.

    Args:
        backbone, width, temperature: see `Method`.
        momentum: of the moving average of weights.
        length: of the queue.
    """

    queue: Tensor
    position: Tensor

    def __init__(
        self, backbone: nn.Module, width: int, temperature: float, momentum: float = 0.99, length: int = 4096
    ) -> None:
        super().__init__(backbone, width, temperature)
        self.momentum = momentum
        self.slow = copy.deepcopy(nn.Sequential(self.backbone, self.projector)).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(length, PROJECTION), dim=1))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))
        self._keys = torch.empty(0, PROJECTION)  # of the last batch, until the step is over

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The InfoNCE loss of two views (N, C, H, W) each, which take turns as the query."""
        a, b = (F.normalize(self.projector(self.backbone(x)), dim=1) for x in (first, second))
        with torch.no_grad():
            slow_a, slow_b = (F.normalize(self.slow(x), dim=1) for x in (first, second))
        self._keys = slow_a
        return (self._loss(a, slow_b) + self._loss(b, slow_a)) / 2

    def _loss(self, query: Tensor, key: Tensor) -> Tensor:
        positive = (query * key).sum(1, keepdim=True)
        scores = torch.cat([positive, query @ self.queue.to(query).T], dim=1) / self.temperature
        return F.cross_entropy(scores.float(), torch.zeros(len(query), dtype=torch.long, device=query.device))

    @torch.no_grad()
    def after_step(self) -> None:
        """Put the embeddings of the momentum copy into the queue, and update the copy; all in place."""
        self._enqueue(self._keys)
        fast = nn.Sequential(self.backbone, self.projector)
        # One kernel for all parameters, where a loop would start one for each.
        update = get_ema_multi_avg_fn(self.momentum)  # type: ignore[no-untyped-call]
        update([*self.slow.parameters()], [*fast.parameters()], 0)

    def _enqueue(self, keys: Tensor) -> None:
        if dist.is_available() and dist.is_initialized():
            parts = [torch.empty_like(keys) for _ in range(dist.get_world_size())]
            dist.all_gather(parts, keys.contiguous())
            keys = torch.cat(parts)
        rows = (self.position + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue.index_copy_(0, rows, keys.to(self.queue))
        self.position.add_(len(keys)).remainder_(len(self.queue))


METHODS: dict[str, type[Method]] = {"simclr": SimCLR, "moco": MoCo}
