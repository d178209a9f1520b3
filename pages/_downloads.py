"""Keeps a file that was made at a press of its button until the browser has fetched it.

Streamlit makes such a file, tells the browser its address, and deletes it with the second script that any session on
the server ends from then on. In a class, where pages refresh themselves, there are many of them between the two: with a
network of 300 ms and ten open pages of a challenge, 3 of 90 downloads were cancelled.
(`streamlit.runtime.media_file_manager.MediaFileManager.execute_deferred`, `.remove_orphaned_files`.)
"""

import time

from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileMetadata
from streamlit.runtime.media_file_storage import MediaFileKind

SECONDS = 60.0
"""How long a file stays that nobody refers to."""


class Kept(MediaFileMetadata):
    """What Streamlit knows of a file: it may be deleted once it has been marked and its time is over."""

    def __init__(self, kind: MediaFileKind = MediaFileKind.MEDIA) -> None:
        super().__init__(kind)
        self._until = time.monotonic() + SECONDS

    @property
    def is_marked_for_delete(self) -> bool:
        return super().is_marked_for_delete and time.monotonic() >= self._until


def keep() -> None:
    """Let every file of the server that is downloaded be kept so; those that pages show are deleted as before."""
    media_file_manager.MediaFileMetadata = Kept  # type: ignore[misc]
