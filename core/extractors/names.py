"""Names of user-supplied weights files: `LIBRARY:ARCH@FILE`, with options as `LIBRARY:ARCH?heads=12&act=gelu@FILE`.

A resolved name ends with `#` and 16 digits of the file's SHA-256: different content is a different extractor.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from core.extractors import overrides
from core.extractors.overrides import Overrides
from core.system.errors import SpecError

READING_VERSION = 2
"""Raise it when the same file under the same name is read into another network: an upload then gets another name."""
LIBRARIES = ("timm", "torchvision", "own")
SUFFIXES = (".safetensors", ".pt", ".pth", ".tar", ".bin", ".ckpt")
"""Of files that are read; all but the first are what `torch.save` writes, `.tar` as in `.pth.tar`."""
_NAME = re.compile(rf"({'|'.join(LIBRARIES)}):([^@?\s]+)(?:\?([^@\s]*))?@(.+?)(?:#([0-9a-f]{{16}}))?")


@dataclass(frozen=True)
class FileName:
    """The parts of a name.

    Attributes:
        library, arch: what builds the network.
        options: that its name sets.
        path: of the file, absolute.
        digest: first 16 hexadecimal digits of the file's SHA-256; None where the name is not resolved.
    """

    library: str
    arch: str
    options: Overrides
    path: Path
    digest: str | None = None

    def __str__(self) -> str:
        query, digest = self.options.to_query(), self.digest
        return f"{self.library}:{self.arch}{'?' if query else ''}{query}@{self.path}{f'#{digest}' if digest else ''}"


def is_user_supplied(name: str) -> bool:
    """Whether a name is of a user-supplied file rather than of an entry of the registry."""
    return name.startswith(("upload:", *(f"{library}:" for library in LIBRARIES)))


def parse(name: str) -> FileName:
    """The parts of the name of a user-supplied file.

    Raises:
        SpecError: the name is not LIBRARY:ARCH@FILE, or its options are not allowed.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        allowed = ", ".join(f"{library}:ARCH@FILE" for library in LIBRARIES)
        raise SpecError(f"Extractor {name!r} can't be read. Allowed: {allowed}, e.g. timm:resnet18@weights.pth.")
    library, arch, query, file, digest = match.groups()
    options = overrides.parse(query or "")
    return FileName(library, arch, options, Path(file).expanduser().absolute(), digest)
