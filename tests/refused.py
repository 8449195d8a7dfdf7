"""Configurations that are refused, with the reasons."""

from __future__ import annotations

import pytest

from streamdetect.config import parse
from streamdetect.errors import ConfigError


def problems(text: str) -> list[str]:
    """Give every problem of a configuration that has some, as a user reads it."""
    with pytest.raises(ConfigError) as broken:
        parse(text)
    return [str(problem) for problem in broken.value.problems]
