"""User uploads: validated as a whole, then stored under a name derived from their content.

    uploads/images/SLUG-DIGEST/   content.zip, record.json
    uploads/features/SLUG-DIGEST/  content.npz (or .parquet, .csv), record.json
    uploads/weights/SLUG-DIGEST/  content.safetensors (or .pt, .pth, ...), record.json

An upload is used by its name `upload:SLUG-DIGEST`, one of features by `upload-features:SLUG-DIGEST`, in place of a data
set or an extractor, so that links and results never reveal a path of the server. Rejected uploads leave nothing behind.

An upload is listed for its owner only, but anybody who knows its name may use it. The digest of owner and content is
keyed with a secret of this server, so that nobody can derive the name, not even from the same file.
"""

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.catalog.uploads import (
    KINDS,
    NAME,
    PREFIXES,
    RECORD,
    belongs_to,
    features,
    folder_of,
    images,
    owner_digest,
    weights,
)
from core.data.registry import DataInfo
from core.extractors import names
from core.extractors.overrides import NOTHING, Overrides
from core.extractors.registry import ExtractorInfo
from core.system import finite_json, paths, secret
from core.system.errors import DataError, PoisonLabError, WeightsError
from core.system.settings import UploadKind, UploadLimits, variable

ON_DISK = {
    "images": "`--data image-folder:PATH`, of a folder or a zip",
    "features": "`--data features:FILE`",
    "weights": "`--extractor timm:ARCH@FILE`, `torchvision:ARCH@FILE` or `own:ARCH@FILE`",
}
"""How the command line names a file on the server's disk, which may have any size."""
SAMPLES = 6
"""Images of each class in a preview."""
_CHUNK = 1 << 20
_LEFTOVER_SECONDS = 3600.0
_checking = threading.Lock()
"""Held while a file is checked, which may take several times its size in memory: one at a time."""


@dataclass(frozen=True)
class Preview:
    """A preview of uploaded images.

    Attributes:
        train, test: number of training and of test images by class.
        samples: (k, 3, 64, 64) uint8 images by class.
        notes: what was read and how, and what was passed over, in sentences.
    """

    train: dict[str, int]
    test: dict[str, int]
    samples: dict[str, NDArray[np.uint8]]
    notes: tuple[str, ...] = ()


def add_images(file_name: str, content: BinaryIO, owner: str = "") -> DataInfo:
    """Validate and store a zip with one folder of images per class.

    Args:
        file_name: name of the zip.
        content: of the zip.
        owner: unique name of the owner; "" is everyone.

    Raises:
        DataError: the upload is rejected, with the reason and the file; nothing is stored.
        SettingError: `POISON_LAB_IMAGE_UPLOAD_MEGABYTES` or another limit of uploads is out of bounds.
    """
    if Path(file_name).suffix.lower() != ".zip":
        raise DataError(f"{file_name} is not a zip: put the folders, one of images for each class, into a zip.")

    from core.data import folders

    reader = {"reader": folders.READER_VERSION}

    def check(path: Path, name: str) -> dict[str, Any]:
        info = folders.info(f"image-folder:{path}")
        return {**asdict(replace(info, name=name, title=Path(file_name).stem, source=file_name)), **reader}

    digested = finite_json.dumps(reader).encode()  # the same file, read in another way, is another data set
    return images(_add("images", file_name, ".zip", content, check, DataError, owner, digested))


def add_features(file_name: str, content: BinaryIO, owner: str = "") -> DataInfo:
    """Validate and store a file of feature vectors and labels.

    Args:
        file_name: name of the file.
        content: of the file.
        owner: see `add_images`.

    Raises:
        DataError: the upload is rejected, with the reason; nothing is stored.
        SettingError: a limit of uploads is out of bounds.
    """
    from core.data import feature_files, feature_tables

    suffix = Path(file_name).suffix.lower()
    if suffix not in feature_tables.FORMATS:
        raise DataError(f"{file_name} is no file of features: {', '.join(feature_tables.FORMATS)} can be read.")
    reader = {"reader": feature_files.READER_VERSION}

    def check(path: Path, name: str) -> dict[str, Any]:
        info = feature_files.info(f"features:{path}")
        return {**asdict(replace(info, name=name, title=Path(file_name).stem, source=file_name)), **reader}

    digested = finite_json.dumps(reader).encode()
    return features(_add("features", file_name, suffix, content, check, DataError, owner, digested))


def add_weights(
    library: str,
    arch: str,
    file_name: str,
    content: BinaryIO,
    owner: str = "",
    options: Overrides = NOTHING,
) -> ExtractorInfo:
    """Validate a weights file by a forward pass of its network, and store it.

    Args:
        library: "timm", "torchvision", or "own" for a file of `python -m core pretrain`, which records its
            architecture.
        arch: name of the architecture in the library.
        file_name: name of the weights file.
        content: of the weights file.
        owner: see `add_images`.
        options: what the file's tensors can't show.

    Raises:
        PoisonLabError: the file is rejected, or the architecture is unknown; nothing is stored.
    """

    def check(path: Path, name: str) -> dict[str, Any]:
        import torch

        from core.extractors import files
        from core.extractors.build import build

        named_arch = files.recorded_arch(path) if library == "own" else arch
        info = files.info(str(names.FileName(library, named_arch, options, path)))
        with torch.inference_mode():
            features = build(info, info.input_sizes[0], torch.device("cpu"))(torch.rand(2, 3, 32, 32))
        if not bool(features.isfinite().all()):
            raise WeightsError(f"{path} gives features that are not finite: it is damaged, or of another architecture.")
        return asdict(replace(info, name=name, title=f"{named_arch}, {file_name}", weights=file_name))

    suffix = Path(file_name).suffix.lower()
    # The same file under another architecture, or read in another way, is another extractor.
    digested = f"{library}:{arch}:{options.to_query()}:{names.READING_VERSION}".encode()
    return weights(_add("weights", file_name, suffix, content, check, WeightsError, owner, digested))


def remove(name: str, owner: str) -> None:
    """Delete an upload of an owner, or of everyone; a no-op if it does not exist or belongs to somebody else."""
    match = NAME.fullmatch(name)
    if match and belongs_to(name, owner):
        for kind in KINDS:
            shutil.rmtree(folder_of(kind) / match[1], ignore_errors=True)


def preview(name: str) -> Preview:
    """A preview of uploaded images.

    Raises:
        DataError: the upload does not exist, or has been damaged.
    """
    from core.data import folders

    record = images(name)
    image_folder = folders.load(Path(record.source))
    rows = {label: np.flatnonzero(image_folder.y == i) for i, label in enumerate(image_folder.classes)}
    return Preview(
        notes=image_folder.notes,
        train={label: int((~image_folder.is_test[class_rows]).sum()) for label, class_rows in rows.items()},
        test={label: int(image_folder.is_test[class_rows].sum()) for label, class_rows in rows.items()},
        samples={label: image_folder.x[class_rows[:SAMPLES]] for label, class_rows in rows.items()},
    )


def larger(kind: UploadKind) -> str:
    """What to do with a file that is too large to upload, in one sentence."""
    setting = variable("weights_upload_megabytes" if kind == "weights" else "image_upload_megabytes")
    return (
        f"A larger file on the server's disk is named on the command line, {ON_DISK[kind]}; {setting} raises the limit."
    )


Check = Callable[[Path, str], dict[str, Any]]
"""Maps a file and its future name to its record; raises an error if the file is rejected."""


def _add(
    kind: UploadKind,
    file_name: str,
    suffix: str,
    content: BinaryIO,
    check: Check,
    refused: type[PoisonLabError],
    owner: str,
    digested: bytes = b"",
) -> str:
    """Write, validate and store a file; returns its name."""
    limit = UploadLimits.read().of(kind)
    with _incoming(kind, refused) as folder:
        file = folder / f"content{suffix}"
        digest, size = secret.new_hmac(), 0
        digest.update(b"%s\0%s\0%s\0" % (kind.encode(), owner_digest(owner).encode(), digested))
        with file.open("wb") as target:
            while chunk := content.read(_CHUNK):
                size += len(chunk)
                if size > limit << 20:
                    raise refused(f"{file_name} is larger than the {limit:,} MB of an upload. {larger(kind)}")
                digest.update(chunk)
                target.write(chunk)
        slug = re.sub(r"[^a-z0-9]+", "-", Path(file_name).stem.lower()).strip("-")[:23].strip("-") or "file"
        key = f"{slug}-{digest.hexdigest()[:32]}"
        try:
            with _checking:
                record = check(file, PREFIXES[kind] + key)
        except PoisonLabError as error:
            # Users know the file by its original name.
            raise type(error)(str(error).replace(str(file), file_name)) from error
        (folder / RECORD).write_text(finite_json.dumps({"owner": owner_digest(owner), **record}, indent=1))
        place = folder_of(kind) / key
        if not place.exists():  # the same content was uploaded before
            folder.rename(place)
    return PREFIXES[kind] + key


@contextmanager
def _incoming(kind: str, refused: type[PoisonLabError]) -> Iterator[Path]:
    """A temporary folder, deleted afterwards unless it was moved; also deletes leftovers of killed processes."""
    home = folder_of(kind)
    try:
        home.mkdir(parents=True, exist_ok=True)
        for leftover in home.glob(".*"):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".", dir=home))
    except OSError as error:
        raise _full(refused, error) from error
    try:
        yield folder
    except OSError as error:
        raise _full(refused, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _full(refused: type[PoisonLabError], error: OSError) -> PoisonLabError:
    return refused(f"Uploads can't be kept in {paths.uploads()} ({error.strerror}): make room, or set POISON_LAB_HOME.")
