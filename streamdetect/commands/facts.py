"""The facts about its detector that a report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.config import DetectorConfig


def detector_facts(
    data: Sequence[object], config: DetectorConfig, bundle: Bundle
) -> dict[str, dict[str, str]]:
    """Names and values of its settings, by group; `data` are the recordings."""
    sections = (("threshold", config.threshold), ("incidents", config.incidents))
    return {"detector": _detector(data, config, bundle)} | {
        name: {key: "none" if value is None else f"{value}" for key, value in section.model_dump().items()}
        for name, section in sections
    }


def _detector(data: Sequence[object], config: DetectorConfig, bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    return {
        "data": ", ".join(map(str, data)),
        "detector": config.name,
        "bundle": f"{config.bundle} ({bundle.fingerprint}), made {manifest.created}",
        "model": f"{manifest.model_name}, windows of {manifest.time_steps} readings of "
        f"{', '.join(manifest.features)}, scaling {manifest.scaling.kind}",
        "runtime": config.runtime,
        "views": ", ".join(config.views),
        "sensitivity": f"{config.sensitivity:g}",
        "silent_after": "learnt" if config.silent_after is None else f"{config.silent_after:g}",
        "stride": f"{config.stride}",
        "max_gap": "none" if config.max_gap is None else f"{config.max_gap}",
        "missing": config.missing,
    }
