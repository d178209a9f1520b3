"""A secret of this server, created once, for names that nobody else can guess."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from core.system import paths

_BYTES = 32


def new_hmac() -> "hmac.HMAC":
    """A new HMAC-SHA-256 keyed with the secret.

    Raises:
        OSError: there is no secret yet and none can be written.
    """
    return hmac.new(_read(paths.home() / "secret"), digestmod=hashlib.sha256)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(mine, path)  # atomic, and the first of several processes wins
    finally:
        mine.unlink(missing_ok=True)
    return path.read_bytes()
