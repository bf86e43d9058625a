"""The options of `serve`: a trained run behind a page and an HTTP interface."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import tyro

from segarena.config.checks import OPTIONAL, check_at_least, check_between, default
from segarena.config.computing import DeviceOptions
from segarena.errors import ConfigError

#: The environment variable that may hold the token.
TOKEN_VARIABLE = "SEGARENA_TOKEN"


@dataclass(frozen=True, kw_only=True)
class ServeOptions(DeviceOptions):
    """Label images over HTTP: a page to drop images on, and `POST /predict` for programs."""

    run: tyro.conf.Positional[Path]
    """Run folder, a comparison folder (then each of its models), or an ONNX file or a folder that `export` wrote."""
    host: str = "127.0.0.1"
    """Address to listen on. Any other than this computer's own needs a token; 0.0.0.0 is every address."""
    port: int = 8000
    """Port to listen on; 0 is a free one."""
    token_file: Annotated[Path | None, default("the environment variable SEGARENA_TOKEN, if it is set")] = None
    """File with the token that clients have to send: 16 signs or more, on one line."""
    allow_host: Annotated[tuple[str, ...], default("this computer's names; with a token, any")] = ()
    """Names by which clients may address the server, e.g. masks.example.org behind a proxy."""
    cors: Annotated[tuple[str, ...], OPTIONAL] = ()
    """Addresses of web pages whose scripts may use the server, e.g. https://example.org."""
    max_mib: float = 32.0
    """Largest request, in MiB."""
    max_megapixels: float = 40.0
    """Largest image, in millions of pixels; it is checked before the image is decoded."""
    queue: int = 16
    """Requests that are accepted at once; further ones are refused with status 429."""
    max_batch: int = 8
    """Images of one size that are labelled together when several wait."""
    timeout: float = 60.0
    """Seconds after which a request is given up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("port", self.port, 0, 65535)
        check_at_least("queue", self.queue, 1)
        check_at_least("max_batch", self.max_batch, 1)
        check_between("max_mib", self.max_mib, 0.001, 4096)
        check_between("max_megapixels", self.max_megapixels, 0.001, 89)
        check_between("timeout", self.timeout, 0.1, 3600)
        for name in self.allow_host:
            if not name.strip("[]") or "/" in name or "*" in name or name.count(":") == 1:
                raise ConfigError(
                    f"{name!r} is not the name of a server",
                    where="--allow-host",
                    remedy="Give the name alone, without scheme and port, e.g. --allow-host masks.example.org",
                )
        for origin in self.cors:
            scheme, separator, name = origin.partition("://")
            if scheme not in ("http", "https") or not separator or not name or "/" in name or "*" in name:
                raise ConfigError(
                    f"{origin!r} is not the address of a site",
                    where="--cors",
                    remedy="Give scheme and name, without a path, e.g. --cors https://example.org",
                )

    @property
    def is_local(self) -> bool:
        """Whether only programs on this computer can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False
