"""A file read into a configuration, or into everything that is wrong with it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from streamdetect.config.files import read_regular
from streamdetect.config.problems import Findings
from streamdetect.config.root import Config
from streamdetect.config.yaml_subset import MAX_BYTES, parse_yaml
from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from os import PathLike

MOST_TOLD = 100  # problems


def load(path: str | PathLike[str]) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: the file cannot be read, or breaks rules; names all of them.
    """
    try:
        content, _ = read_regular(path, MAX_BYTES + 1)
        return parse(content.decode())
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "must be UTF-8")]) from None
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    except ValueError:
        raise ConfigError([Problem(repr(path), "is not a valid path")]) from None


def parse(text: str) -> Config:
    """Read a configuration from YAML.

    Raises:
        ConfigError: every broken rule.
    """
    return validate(parse_yaml(text))


def validate(data: dict[str, Any]) -> Config:
    """Make a configuration from plain data, as `parse_yaml` gives it.

    Raises:
        ConfigError: every broken rule.
    """
    findings = Findings(Config)
    rest = copy.deepcopy(data)
    while True:
        try:
            config = Config.model_validate(rest)
        except ValidationError as error:
            if findings.take_out(error, rest):
                continue
        else:
            if not findings.problems:
                return config
        raise ConfigError(_most_of(tuple(findings.problems.values()))) from None


def _most_of(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    if len(problems) <= MOST_TOLD:
        return problems
    return *problems[:MOST_TOLD], Problem("configuration", f"{len(problems) - MOST_TOLD} more problems")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration file."""
    document = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "streamdetect configuration",
        **{key: value for key, value in document.items() if key != "title"},
    }
