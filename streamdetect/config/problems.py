"""Problems with option, rule and value, all at once, from the errors of pydantic."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final, get_args

from streamdetect.config.section import BROKEN_RULES, Broken, Section
from streamdetect.errors import Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

_RULES: Final = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "finite_number": "must be finite",
    "float_type": "must be a number",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "literal_error": "must be {expected}",
    "model_type": "must be a mapping",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be a string (put it in quotes)",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
    "tuple_type": "must be a list",
    "value_error": "{error}",
}
_SHOWN: Final = 60
_SUGGESTIONS: Final = 20  # unknown keys for which a known one is looked for, at 1 ms each
_SECRETS: Final = re.compile("password|secret|token|authorization|url")
"""In the names of options whose values are never shown: people put the secret where its file belongs."""
_LOGIN: Final = re.compile(r":[^/\s]*@")  # a password within an address


class Findings:
    """The problems of some data, gathered over several checks.

    A rule across options can be checked only when the options are well-formed. So wrong options are taken out
    and the rest is checked again; a rule about an option that was taken out is skipped.
    """

    def __init__(self, section: type[Section]) -> None:
        self.problems: dict[tuple[str, str], Problem] = {}
        self._section = section
        self._gone: set[Location] = set()
        self._above: set[Location] = set()  # the options taken out, and the sections that they were in
        self._suggested = 0

    def take_out(self, error: ValidationError, data: dict[str, Any]) -> bool:
        """Note the faults and remove them from the data; False if there was nothing to remove."""
        removed = False
        for found in error.errors(include_url=False):
            if found["type"] == BROKEN_RULES:
                for broken in found["ctx"]["broken"]:
                    removed |= self._broken(found["loc"], broken, data)
            elif not _counts_only_the_valid(found):
                location = tuple(part for part in found["loc"] if part != "[key]")
                if location not in self._above:
                    value = "" if found["type"] == "extra_forbidden" else shown(location, found["input"])
                    self._note(location, self._rule(found), value)
                removed |= self._remove(location, data)
        return removed

    def _broken(self, section: Location, broken: Broken, data: dict[str, Any]) -> bool:
        location = section + _location(broken.option)
        concerned = [location, *(section + _location(option) for option in broken.also)]
        if not any(map(self._is_touched, concerned)):
            value = "" if broken.value is None else shown(location, broken.value)
            self._note(location, broken.rule, value)
        return any(self._remove(place, data) for place in (*concerned, section))

    def _note(self, location: Location, rule: str, value: str) -> None:
        path = path_of(location) or "configuration"
        self.problems.setdefault((path, rule), Problem(path, rule, value))

    def _rule(self, found: ErrorDetails) -> str:
        if found["type"] == "extra_forbidden":
            self._suggested += 1
            if self._suggested > _SUGGESTIONS:
                return "unknown key"
            return _unknown(str(found["loc"][-1]), _section_at(self._section, found["loc"][:-1]))
        return rule_of(found)

    def _remove(self, location: Location, data: dict[str, Any]) -> bool:
        """Remove the option; of a list, which has no default for one entry, all of it."""
        place: Any = data
        holder, last = None, 0
        for depth, part in enumerate(location):
            if isinstance(place, dict) and part in place:
                holder, last, key = place, depth, part
            elif not (isinstance(place, list) and isinstance(part, int) and part < len(place)):
                return False
            place = place[part]
        if holder is None:
            return False
        del holder[key]
        gone = location[: last + 1]
        self._gone.add(gone)
        self._above.update(gone[:length] for length in range(len(gone) + 1))
        return True

    def _is_touched(self, place: Location) -> bool:
        """Tell whether an option within this place, or a section around it, was taken out."""
        return place in self._above or any(place[:length] in self._gone for length in range(len(place)))


def rule_of(found: ErrorDetails) -> str:
    """The rule that is broken, in our words if there are any."""
    if found["type"] not in _RULES:
        return found["msg"]
    limits = {name: _plain(limit) for name, limit in found.get("ctx", {}).items()}
    return _RULES[found["type"]].format(**limits)


def _counts_only_the_valid(found: ErrorDetails) -> bool:
    """Tell pydantic's "too short" for a list that is long enough, with wrong entries that it left out."""
    return found["type"] == "too_short" and len(found["input"]) >= found["ctx"]["min_length"]


def _plain(limit: object) -> object:
    if isinstance(limit, str):
        return limit.removeprefix("^").removesuffix("$")  # a pattern
    if isinstance(limit, float):
        return int(limit) if limit.is_integer() else round(limit, 9)
    return limit


def _unknown(key: str, section: type[Section]) -> str:
    known = {name: name for name in section.model_fields}
    inner = {field: f"{name}.{field}" for name in known for field in _fields(section, name)}
    for options in (known, inner):
        near = difflib.get_close_matches(key, options, n=1)
        if near:
            return f'unknown key, did you mean "{options[near[0]]}"?'
    return f"unknown key, known are {', '.join(known)}"


def _fields(section: type[Section], name: str) -> list[str]:
    inner = _section_at(section, (name,))
    return [] if inner is section else list(inner.model_fields)


def _section_at(section: type[Section], location: Location) -> type[Section]:
    """Walk down to the section that holds an option; list indices do not matter."""
    for part in location:
        if part in section.model_fields:
            annotation = section.model_fields[str(part)].annotation
            inner = [kind for kind in (annotation, *get_args(annotation)) if _is_section(kind)]
            section = inner[0] if inner else section
    return section


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _location(path: str) -> Location:
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    return tuple(name or int(index) for name, index in parts)


def path_of(location: Location) -> str:
    """Write an option for a problem, `detectors[0].topics`; a long or odd name is quoted."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in location)
    return text.removeprefix(".")


def _printable(key: str) -> str:
    return key if key.isprintable() and len(key) <= _SHOWN else f"{key!r:.{_SHOWN}}"


def shown(location: Location, value: object) -> str:
    """Write a value for a problem; a secret, and a value with parts of its own, are not shown."""
    if any(_SECRETS.search(str(part)) for part in location) or _LOGIN.search(str(value)):
        return "***"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value!r:.{_SHOWN}}" if isinstance(value, (int, float, str)) else ""
