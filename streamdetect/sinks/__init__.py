"""The kinds of sinks, to which events go: a file for each kind, and a line below."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streamdetect.config import Config
    from streamdetect.sinks.sink import Worker


class Kind(NamedTuple):
    """The place of a kind of sink; imported only where one is configured."""

    module: str
    name: str  # of the class, made of a name and a section


KINDS = {
    "webhooks": Kind("streamdetect.sinks.webhook", "Webhook"),
    "files": Kind("streamdetect.sinks.files", "JsonLines"),
    "notify": Kind("streamdetect.sinks.notify", "Notify"),
}
"""By the section of the configuration that lists them."""


def workers(config: Config) -> list[Worker]:
    """Make every sink that the configuration lists.

    Raises:
        ConfigError: a secret of one cannot be read.
        StreamdetectError: a package that one needs is not installed.
    """
    made: list[Worker] = []
    for section, kind in KINDS.items():
        for settings in getattr(config, section):
            make = getattr(importlib.import_module(kind.module), kind.name)
            made.append(make(settings.name, settings))
    return made
