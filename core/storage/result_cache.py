"""What was computed about stored runs, kept as JSON in the cache folder by what was asked."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.system import cache, paths


@dataclass(frozen=True)
class ResultCache:
    """Answers to one kind of question.

    Attributes:
        kind: the name of their folder in the cache.
        version: raise it when the same question would get another answer; those kept before are not read any more.
    """

    kind: str
    version: int

    def key(self, *question: Any) -> str:
        """32 hexadecimal digits that name a question, which is anything that JSON can hold."""
        text = json.dumps([self.version, *question])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def read(self, key: str) -> dict[str, Any] | None:
        """The answer; None where it is not there or damaged."""
        content = cache.read_bytes(self._path(key))
        if content is None:
            return None
        answer: dict[str, Any] = json.loads(content)
        return answer

    def write(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; where that can't be written, it is logged and computed again another time."""
        cache.write(self._path(key), json.dumps(answer).encode())

    def _path(self, key: str) -> Path:
        return paths.cache() / self.kind / f"{key}.json"
