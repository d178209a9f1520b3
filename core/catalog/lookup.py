"""The record of whatever a name stands for: an entry of a registry, a file of a person's own, or an upload.

Free of torch for everything but a weights file of a person's own.
"""

from core.catalog import uploads
from core.data.registry import DATA, DataInfo
from core.extractors.registry import EXTRACTORS, ExtractorInfo
from core.system.errors import unknown


def data_info(name: str) -> DataInfo:
    """The record of a data set: of the registry, a folder of images (`core.data.folders`) or an upload.

    Raises:
        SpecError: unknown name; the message lists the known ones.
        DataError: a folder or an upload that was named is not there, or is refused.
    """
    if uploads.is_upload(name):
        return uploads.images(name)
    if name.startswith("image-folder:"):
        from core.data import folders  # only here, since it reads images

        return folders.info(name)
    if name not in DATA:
        raise unknown("data set", name, DATA)
    return DATA[name]


def extractor_info(name: str) -> ExtractorInfo:
    """The record of an extractor: of the registry, a weights file (`core.extractors.files`) or an upload.

    Raises:
        SpecError: unknown name; the message lists the known ones.
        WeightsError: a file or an upload that was named is not there.
    """
    if uploads.is_upload(name):
        return uploads.weights(name)
    if "@" in name:
        from core.extractors import files  # only here, since it needs torch

        return files.info(name)
    if name not in EXTRACTORS:
        raise unknown("extractor", name, EXTRACTORS)
    return EXTRACTORS[name]
