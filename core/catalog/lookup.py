"""Lookup of records by name: an entry of a registry, a user-supplied file, or an upload.

Imports torch only for user-supplied weights files.
"""

from core.catalog import uploads
from core.data.registry import DATA, DataInfo
from core.extractors.registry import AS_GIVEN, EXTRACTORS, ExtractorInfo
from core.spec import vectors
from core.system.errors import unknown


def data_info(name: str) -> DataInfo:
    """The record of a data set: from the registry, an image folder, a file of features or an upload.

    Raises:
        SpecError: the name is unknown; the message lists the known ones.
        DataError: the folder or the upload is missing, or is refused.
    """
    if name.startswith(vectors.UPLOAD):
        return uploads.features(name)
    if uploads.is_upload(name):
        return uploads.images(name)
    if name.startswith(vectors.FILE):
        from core.data import feature_files  # only here, since it reads features

        return feature_files.info(name)
    if name.startswith("image-folder:"):
        from core.data import folders  # only here, since it reads images

        return folders.info(name)
    if name not in DATA:
        raise unknown("data set", name, DATA)
    return DATA[name]


def extractor_info(name: str) -> ExtractorInfo:
    """The record of an extractor: from the registry, a weights file (`core.extractors.files`) or an upload.

    Raises:
        SpecError: the name is unknown; the message lists the known ones.
        WeightsError: the file or the upload is missing.
    """
    if uploads.is_upload(name):
        return uploads.weights(name)
    if name == vectors.NO_EXTRACTOR:
        return AS_GIVEN
    if "@" in name:
        from core.extractors import files  # only here, since it needs torch

        return files.info(name)
    if name not in EXTRACTORS:
        raise unknown("extractor", name, EXTRACTORS)
    return EXTRACTORS[name]
