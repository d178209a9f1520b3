"""`poison-lab app`: the web server of the lab, from a checkout or from an installed copy."""

import os
import re
import socket
import sys
import tomllib
from typing import Annotated, NoReturn

import typer

from core.system import paths
from core.system.errors import PoisonLabError

BASE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@-]*")


def app(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, envvar="STREAMLIT_SERVER_PORT", help="Port to listen on.")
    ] = 8501,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="STREAMLIT_SERVER_ADDRESS",
            help="Address to listen on; by default only this machine can reach the lab, 0.0.0.0 opens it to all.",
        ),
    ] = None,
    base_path: Annotated[
        str,
        typer.Option(
            envvar="STREAMLIT_SERVER_BASE_URL_PATH",
            metavar="/PATH",
            help="Path of every page, as /lab where a proxy forwards https://HOST/lab/; by default the root.",
        ),
    ] = "",
) -> None:
    """Start the lab: serve it at the printed address until Ctrl-C."""
    address = address or configured_address()
    base = checked_base(base_path)
    check_free(address, port)
    host = "localhost" if address == "127.0.0.1" else address
    typer.echo(f"Poison Lab: http://{host}:{port}{base} (Ctrl-C ends it)")
    serve(address, port, base)


def checked_base(path: str) -> str:
    """A base path with a slash before it and none after; "" for the root.

    Raises:
        PoisonLabError: a part of it is empty, or has characters that mean something else in an address.
    """
    stripped = path.strip("/")
    if stripped and not all(BASE_PART.fullmatch(part) for part in stripped.split("/")):
        raise PoisonLabError(
            f"--base-path {path} can't be used; allowed: parts of letters, digits and . _ ~ @ - between slashes, as in "
            "/lab or /user/ada/lab, where each begins with a letter or a digit."
        )
    return f"/{stripped}" if stripped else ""


def configured_address() -> str:
    """The address in the shipped configuration."""
    return str(tomllib.loads(paths.STREAMLIT_CONFIG.read_text())["server"]["address"])


def check_free(address: str, port: int) -> None:
    """Check that a server can listen there, as Streamlit would silently use the next free port.

    Raises:
        PoisonLabError: the port is in use, listening is not permitted, or this machine has no such address.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise PoisonLabError(f"--address {address} is no address of this machine: {error.strerror}.") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise PoisonLabError(
                f"Can't listen on port {port} of {address}: {(error.strerror or str(error)).lower()}. Choose another "
                "port, as in 'poison-lab app --port 8600' or 'make app PORT=8600'."
            ) from error


def serve(address: str, port: int, base: str = "") -> NoReturn:
    """Replace this process by the server, so that it receives signals directly.

    Theme and other options do not depend on the working directory: Streamlit reads
    `.streamlit/config.toml` beside the script, after those of the user and of the working directory.

    Args:
        address: to listen on.
        port: to listen on.
        base: path of every page; "" for the root.
    """
    script = os.fspath(paths.APP)
    options = ["--server.address", address, "--server.port", str(port)]
    if base:
        options += ["--server.baseUrlPath", base]
    # -P: a module in the working directory must not stand in for one that the lab imports.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "streamlit", "run", script, *options])
