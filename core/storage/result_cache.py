"""A cache of results computed from stored runs: JSON files in the cache folder."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.system import cache, finite_json, paths


@dataclass(frozen=True)
class ResultCache:
    """Cached results of one kind.

    Attributes:
        kind: name of their folder in the cache.
        version: increase it whenever the same question gets a different answer; older results are then ignored.
    """

    kind: str
    version: int

    def key(self, *question: Any) -> str:
        """The key of a question, which may be anything that JSON can represent: 32 hexadecimal digits."""
        text = json.dumps([self.version, *question], allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def read(self, key: str) -> dict[str, Any] | None:
        """The cached answer; None if it is missing or damaged."""
        content = cache.read_bytes(self._path(key))
        if content is None:
            return None
        answer: dict[str, Any] = json.loads(content)
        return answer

    def write(self, key: str, answer: Mapping[str, Any]) -> None:
        """Cache an answer; a failure to write is only logged."""
        cache.write(self._path(key), finite_json.dumps(answer).encode())

    def _path(self, key: str) -> Path:
        return paths.cache() / self.kind / f"{key}.json"
