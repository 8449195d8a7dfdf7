"""The page, put together with the parts of a daemon that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.errors import StreamdetectError
from streamdetect.page.sources import Sources

if TYPE_CHECKING:
    from streamdetect.page.server import PageServer
    from streamdetect.service.answers import Answers
    from streamdetect.service.lineup import Lineup

_INSTALL = "pip install 'streamdetect[page]'"


def make_page(lineup: Lineup, answers: Answers) -> PageServer | None:
    """Make the page and bind its port, if the configuration asks for it.

    Raises:
        ConfigError: a secret or a file of TLS cannot be read.
        StreamdetectError: it needs more than is installed, or the port cannot be bound.
    """
    if not lineup.config.page.enabled:
        return None
    try:
        from streamdetect.page.server import PageServer  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise StreamdetectError(f"page: needs {error.name}, which is not installed: {_INSTALL}") from error
    sources = Sources(
        config=lambda: lineup.config,
        detectors=lambda: lineup.pipeline.assemblies,
        labels=lambda: lineup.pipeline.labels,
        hushes=answers.hushes,
    )
    return PageServer(lineup.config.page, sources)
