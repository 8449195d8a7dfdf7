"""The detector that a backtest runs: from a configuration file, from options, or both, by the same rules."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from streamdetect import config
from streamdetect.commands.config_option import add_config
from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from pathlib import Path

    from streamdetect.config import DetectorConfig
    from streamdetect.config.section import Section

_SECTIONS: dict[str, type[Section]] = {
    "threshold": config.ThresholdConfig,
    "incidents": config.IncidentsConfig,
}
_OPTIONS = (
    *("bundle", "runtime", "threads", "missing", "stride", "max_gap"),
    *("views", "silent_after", "sensitivity"),
)
_METAVARS: dict[object, str] = {bool: "true|false", float: "NUMBER", int: "N", str: "DIR"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the choice of a detector, and an option for each of its settings that shapes verdicts."""
    group = parser.add_argument_group(
        "detector", "The options of a detector in config.yaml. An option given here wins over the file."
    )
    add_config(group, "the configuration to take the detector from")
    group.add_argument(
        "--detector", metavar="NAME", help="which detector of the configuration [the only one]"
    )
    for name in _OPTIONS:
        _add(group, name, config.DetectorConfig, name)
    for section, settings in _SECTIONS.items():
        group = parser.add_argument_group(section)
        for name in settings.model_fields:
            _add(group, name, settings, f"{section}.{name}")


def _add(group: Any, name: str, section: type[Section], path: str) -> None:  # noqa: ANN401 - argparse's own
    field = section.model_fields[name]
    default = field.default
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    description = (field.description or "").rstrip(".")
    description = f"{description[:1].lower()}{description[1:]}"
    kind = _METAVARS.get(field.annotation, "LIST" if isinstance(default, tuple) else "SPAN")
    unit = " s" if kind == "SPAN" and isinstance(default, float) else ""
    group.add_argument(
        f"--{name.replace('_', '-')}",
        dest=path,
        metavar="|".join(choices) or kind,
        default=SUPPRESS,
        type=_type(field.annotation, default),
        help=f"{description} [{_shown(default)}{unit}]".replace("%", "%%"),
    )


def _type(annotation: object, default: object) -> Callable[[str], object]:
    """The function that reads the text of an option; spans have units, which the configuration reads."""
    if isinstance(default, tuple):
        return _words
    return {int: int, float: float}.get(annotation, str)  # type: ignore[call-overload, no-any-return]  # any object may be asked for


def _words(text: str) -> list[str]:
    return text.split(",")


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ", ".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else f"{default:g}" if isinstance(default, float) else f"{default}"


def from_arguments(args: Namespace) -> DetectorConfig:
    """Find the detector's configuration, with the options put over it.

    Raises:
        ConfigError: The file or an option breaks a rule, or there is no such detector.
    """
    chosen = from_file(args.config, args.detector).model_dump(exclude_unset=True) if args.config else {}
    if args.detector and not args.config:
        raise ConfigError([Problem("--detector", "needs --config, which has the names", args.detector)])
    given = vars(args)
    for name in _OPTIONS:
        if name in given:
            chosen[name] = given[name]
    for section, settings in _SECTIONS.items():
        paths = {name: f"{section}.{name}" for name in settings.model_fields}
        changes = {name: given[path] for name, path in paths.items() if path in given}
        chosen[section] = chosen.get(section, {}) | changes
    try:
        return config.validate({"detectors": [chosen]}).detectors[0]
    except ConfigError as error:
        raise ConfigError([_as_option(problem) for problem in error.problems]) from None


def _as_option(problem: Problem) -> Problem:
    """Name the option instead of the place in a file: the file itself has been checked."""
    name = problem.path.rpartition(".")[2]
    return problem._replace(path=f"--{name.replace('_', '-')}")


def from_file(path: Path, wanted: str | None) -> DetectorConfig:
    """Find a detector in a configuration, the only one or the one wanted.

    Raises:
        ConfigError: the file breaks a rule, or there is no such detector.
    """
    detectors = {detector.name: detector for detector in config.load(path).detectors}
    if wanted is None and len(detectors) > 1:
        raise ConfigError([Problem("--detector", f"is required to choose one of {', '.join(detectors)}")])
    detector = detectors.get(wanted) if wanted else next(iter(detectors.values()))
    if detector is None:
        raise ConfigError([Problem("--detector", f"must be one of {', '.join(detectors)}", repr(wanted))])
    return detector
