"""What a computation asks of the machine: floating-point operations of its products, and bytes that it moves."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.speed.measure import Run


@dataclass(frozen=True)
class Work:
    """Operations in float32 and in float64, and bytes read and written if nothing stays in a cache in between."""

    single: int
    double: int
    bytes: int

    @property
    def flops(self) -> int:
        """Operations of both precisions."""
        return self.single + self.double


def count_work(run: Run) -> Work:
    """The work of one call, as far as torch does it: what other libraries compute is not seen."""
    with _Count() as count:
        run()
    return Work(count.flops[torch.float32], count.flops[torch.float64], count.bytes)


class _Count(TorchDispatchMode):
    """Counts products as torch's `FlopCounterMode` does, by its formulas, but by precision, and bytes besides."""

    def __init__(self) -> None:
        super().__init__()
        self.flops: Counter[torch.dtype] = Counter()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func._overloadpacket
        if packet not in flop_registry:
            with self:  # in inference mode operations come whole that else come in their parts
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        if packet in flop_registry:
            self.flops[results[0].dtype] += flop_registry[packet](*args, **kwargs, out_val=out)
        is_view = any(result.alias_info and not result.alias_info.is_write for result in func._schema.returns)
        if not is_view:
            arguments = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(min(tensor.nbytes, tensor.untyped_storage().nbytes()) for tensor in arguments + results)
        return out
