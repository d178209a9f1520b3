"""The choice of data or an extractor, which may be an upload. No Streamlit here."""

from dataclasses import dataclass

from core.catalog import uploads
from core.catalog.lookup import data_info, extractor_info
from core.data.registry import DATA
from core.system.errors import PoisonLabError
from pages._controls import Choice, Value


@dataclass(frozen=True)
class UploadChoice(Choice[str]):
    """A choice that also takes an unlisted upload by its name: anyone who knows the name may use it."""

    def parse(self, text: str) -> str | None:
        """The value that a link means, or None."""
        value = super().parse(text)
        return text if value is None and self._is_here(text) else value

    def near(self, value: Value) -> str:
        """The value itself where it may be chosen, else the default."""
        return str(value) if self._is_here(str(value)) else super().near(value)

    def _is_here(self, name: str) -> bool:
        info = data_info if self.default in DATA else extractor_info
        try:
            return uploads.is_upload(name) and info(name) is not None
        except PoisonLabError:
            return False
