"""Match the features of recordings to those that a model needs: by name, never by place alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamdetect.bundles.features import are_numbered
from streamdetect.errors import DataError
from streamdetect.offline.recordings.recording import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.offline.recordings.recording import Account, Recording


def with_features(
    recordings: Sequence[Recording],
    wanted: Sequence[str],
    whose: str,
    *,
    per_column: str = "--per-column",
    columns: str = "--columns",
) -> list[Recording]:
    """Return the recordings with these features, in this order.

    A single feature fits whatever its name is: a sensor's value has many names. Several are found by name; by
    place only if one side has numbers instead of names.

    Args:
        recordings: Of one or more features each.
        wanted: Names of F features.
        whose: The owner of these features, for the message.
        per_column: The option that makes each column a sensor, for the message.
        columns: The option that chooses columns, for the message.

    Raises:
        DataError: A recording lacks a feature; names the recording and the features that it has.
    """
    hint = f"{per_column} makes each column a sensor, " if len(wanted) == 1 else ""
    return [_with_features(one, tuple(wanted), whose, f"{hint}{columns} chooses") for one in recordings]


def _with_features(recording: Recording, wanted: tuple[str, ...], whose: str, hint: str) -> Recording:
    given = recording.features
    by_place = len(wanted) == 1 or not recording.named or are_numbered(wanted)
    if given == wanted or (by_place and len(given) == len(wanted)):
        return recording
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(
            f"{recording.name}: must have the {_count(wanted)} of {whose} ({', '.join(wanted)}), got "
            f"{', '.join(given)}: {hint}"
        )
    places = [given.index(name) for name in wanted]
    return replace(
        recording,
        features=wanted,
        values=recording.values[:, places],
        accounts=tuple(_without(account, wanted, whose) for account in recording.accounts),
    )


def _without(account: Account, wanted: tuple[str, ...], whose: str) -> Account:
    """The account of a file of which only these features are used."""
    others = [LeftOut(name, f"no feature of {whose}") for name in account.features if name not in wanted]
    return replace(account, features=wanted, left_out=(*account.left_out, *others))


def _count(names: Sequence[str]) -> str:
    return "feature" if len(names) == 1 else f"{len(names)} features"
