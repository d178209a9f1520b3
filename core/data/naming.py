"""Names of the content of image folders, by each version of their reader: digits of a SHA-256 over all images.

Version 1 did not look at a whole tree: it took PNG, JPEG and WebP files alone, with the topmost folder of a folder, or
the innermost of a zip, as the class. Its names are still known, to say that images are the same but are now read
differently. A name stands for classes, images in their order and pixels, however they are stored: what version 2 reads
as version 1 would read it has the name that version 1 would give it.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from core.data.sources import File, Listing
from core.system.errors import DataError

_FIRST_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def first_order(listing: Listing) -> list[tuple[str, File]]:
    """Class and file of every image as version 1 of the reader saw them, in its order."""
    found = []
    for file in listing.files:
        path = PurePosixPath(file.stored)
        if len(path.parts) < 2 or path.suffix.lower() not in _FIRST_SUFFIXES:
            continue
        if not listing.is_zip or path.parts[0] != "__MACOSX":
            found.append((path.parts[-2] if listing.is_zip else path.parts[0], str(path), file))
    return [(label, file) for label, _, file in sorted(found, key=lambda placed: placed[:2])]


def add_digests(files: Iterable[File], digest_of: dict[str, str], content_of: Callable[[File], bytes]) -> None:
    """Add the SHA-256 of files that are not among those read, up to one that can't be read.

    Args:
        files: to add.
        digest_of: SHA-256 by name, changed in place.
        content_of: gives the content of a file.
    """
    for file in files:
        if file.name not in digest_of:
            try:
                digest_of[file.name] = hashlib.sha256(content_of(file)).hexdigest()
            except DataError:
                return


def digests(
    first: Iterable[tuple[str, str]], now: Iterable[tuple[str, str]], *, is_as_before: bool, version: int
) -> tuple[str, ...]:
    """The names of images by each version of the reader, up to the current one; "" for one that could not read them.

    Args:
        first: class and SHA-256 of each image as version 1 read them; "" for an image that could not be read.
        now: the same, as they are read now, with the part of a published split before the class.
        is_as_before: whether version 1 would read the latter to the same pixels and split.
        version: the current version.
    """
    lines = list(first)
    known = all(digest for _, digest in lines)
    before = _digest(lines, 1) if known else ""
    later = list(now)
    return (before, *(_digest(later, 1 if is_as_before and n == 2 else n) for n in range(2, version + 1)))


def _digest(lines: Iterable[tuple[str, str]], version: int) -> str:
    """16 digits that name images as a version of the reader reads them; the first version does not enter the hash."""
    reader = "" if version == 1 else f"reader {version}\n"
    listing = "".join(f"{label}/{digest}\n" for label, digest in lines)
    return hashlib.sha256(f"{reader}{listing}".encode()).hexdigest()[:16]
