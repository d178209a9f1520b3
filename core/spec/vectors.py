"""Names of data that are feature vectors rather than images: a file of the user's, or an upload of one."""

FILE = "features:"
UPLOAD = "upload-features:"
NO_EXTRACTOR = "none"
"""The extractor of such data in a spec: their features are used as they are given."""


def are_features(name: str) -> bool:
    """Whether a name is of feature vectors, which no extractor sees and which have no pixels."""
    return name.startswith((FILE, UPLOAD))
