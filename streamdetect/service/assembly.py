"""A detector's configuration and its bundle, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.bundle import Bundle
from streamdetect.bundles.features import are_numbered, config_name
from streamdetect.codecs import codec
from streamdetect.config.judging import unknown_features
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.errors import BundleError, ConfigError, Problem
from streamdetect.sinks.events import EventEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.bundles.manifest import Manifest
    from streamdetect.bundles.runtime import Encode
    from streamdetect.codecs import Codec
    from streamdetect.config import Config, DetectorConfig
    from streamdetect.core.reconstruction import Reconstruct


@dataclass(frozen=True, slots=True)
class Assembly:
    """One configured detector, ready to be fed."""

    config: DetectorConfig
    bundle: Bundle
    detector: Detector
    codec: Codec
    encoder: EventEncoder
    encode: Encode | None = None
    """Makes the latent vectors that events carry; None if they carry none."""

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.config.name

    @property
    def features(self) -> tuple[str, ...]:
        """The latent vectors of events; None if they carry none."""
        return self.bundle.manifest.features


def detector_settings(config: DetectorConfig, manifest: Manifest) -> DetectorSettings:
    """The core's settings: the user's choices and the bundle's facts."""
    return DetectorSettings(
        time_steps=manifest.time_steps,
        features=len(manifest.features),
        scaling=manifest.scaling,
        error=manifest.error,
        min_steps=manifest.min_steps,
        missing=config.missing,
        stride=config.stride,
        max_gap=config.max_gap_seconds,
        max_sensors=config.max_sensors,
        idle_after=config.idle_after_seconds,
        judging=judge_settings(config, manifest),
        incidents=config.incidents.settings(),
        rules=config.rules(manifest.features),
    )


def judge_settings(config: DetectorConfig, manifest: Manifest) -> JudgeSettings:
    """The settings for judging; the bundle knows a threshold that comes from the training errors."""
    threshold, training = config.threshold, manifest.training_error
    levels = {"training": training.mean + threshold.sigma * training.std, "fixed": threshold.level}
    return JudgeSettings(
        sigma=threshold.sigma,
        history=threshold.history,
        min_count=threshold.min_count,
        level=levels.get(threshold.kind),
    )


def make_detector(config: DetectorConfig, bundle: Bundle) -> Detector:
    """Make a fresh detector whose model has run once.

    Raises:
        BundleError: the model does not load.
        StreamdetectError: its runtime is not installed.
    """
    reconstruct = bundle.reconstructor(config.runtime, config.threads)
    settings = detector_settings(config, bundle.manifest)
    reconstruct(np.zeros((1, settings.time_steps, settings.features), dtype=np.float32))
    return Detector(settings, reconstruct)


def assemble(config: Config) -> list[Assembly]:
    """Put all detectors of a configuration together; those with the same bundle and runtime share a model.

    Raises:
        ConfigError: bundles are unusable or do not fit the payloads; names them all.
        StreamdetectError: a runtime is not installed.
    """
    bundles, problems = _bundles(config)
    if problems:
        raise ConfigError(problems)
    models: dict[tuple[str, str, int], Reconstruct] = {}
    assemblies = []
    for given, bundle in zip(config.detectors, bundles, strict=True):
        one = _by_name(given, bundle.manifest.features)
        key = (bundle.fingerprint, one.runtime, one.threads)
        if key in models:
            detector = Detector(detector_settings(one, bundle.manifest), models[key])
        else:
            detector = make_detector(one, bundle)
            models[key] = detector.reconstruct
        events = encoder(config, one.name, bundle.lineage, bundle.manifest.features)
        encode = bundle.encoder(one.threads) if one.latent_in_events else None
        payload = codec(one.payload_settings(config.mqtt.max_payload))
        assemblies.append(Assembly(one, bundle, detector, payload, events, encode))
    return assemblies


def _by_name(config: DetectorConfig, wanted: Sequence[str]) -> DetectorConfig:
    """Return the configuration with a reading's values in the order of the bundle's features."""
    values = config.payload.values
    if values is None or not _names_features(config, wanted):
        return config
    ordered = {name: values[name] for name in map(config_name, wanted)}
    return config.model_copy(update={"payload": config.payload.model_copy(update={"values": ordered})})


def _names_features(config: DetectorConfig, wanted: Sequence[str]) -> bool:
    """Tell whether several values of a payload are the bundle's features by name, not only by their order.

    A bundle whose features are only numbered, as value_1, goes by the order.
    """
    together = config.payload.values is not None and config.payload.fields == "together"
    return together and len(wanted) > 1 and not are_numbered(wanted)


def _misnamed(config: DetectorConfig, bundle: Bundle, path: str) -> list[Problem]:
    """Find names of values that are not those of the bundle's features."""
    wanted = bundle.manifest.features
    given = list(config.payload.values or ())
    names = list(map(config_name, wanted))
    if not _names_features(config, wanted) or len(given) != len(names) or sorted(given) == sorted(names):
        return []
    rule = f"must name the features of the bundle {config.bundle} ({', '.join(names)})"
    return [Problem(f"{path}.payload.values", rule, ", ".join(given))]


def _unknown(config: DetectorConfig, features: tuple[str, ...], path: str) -> list[Problem]:
    """Find rules for features that the bundle does not have."""
    overrides = {f"{path}.overrides[{at}]": one for at, one in enumerate(config.overrides)}
    rule = f"must name features of the bundle {config.bundle} ({', '.join(features)})"
    return [
        Problem(f"{place}.{option}", rule, name)
        for place, section in {path: config, **overrides}.items()
        for option, name in unknown_features(section, features)
    ]


def encoder(
    config: Config, detector: str, bundle: str, features: Sequence[str], origin: str | None = None
) -> EventEncoder:
    """Make the encoder of a detector's events, now or once, with a bundle of this fingerprint."""
    return EventEncoder(
        detector,
        source=config.event_source,
        bundle=bundle,
        origin=origin,
        features=features,
        labels=config.events.labels,
        units=next((one.unit for one in config.detectors if one.name == detector), ""),
    )


def _bundles(config: Config) -> tuple[list[Bundle], list[Problem]]:
    bundles, problems = [], []
    for at, one in enumerate(config.detectors):
        path = f"detectors[{at}]"
        try:
            bundle = Bundle.load(one.bundle)
        except BundleError as error:
            problems.append(Problem(f"{path}.bundle", str(error)))
            continue
        bundles.append(bundle)
        if one.latent_in_events and bundle.manifest.encoder is None:
            rule = f"must be false: the bundle {one.bundle} has no encoder"
            problems.append(Problem(f"{path}.latent_in_events", rule, "true"))
        wanted = bundle.manifest.features
        problems += _misnamed(one, bundle, path)
        problems += _unknown(one, wanted, path)
        given = one.payload_settings(config.mqtt.max_payload).features
        if len(given) != (1 if one.join else len(wanted)):
            rule = (
                f"must give {len(wanted)} values a reading for the bundle {one.bundle} ({', '.join(wanted)})"
            )
            problems.append(Problem(f"{path}.payload", rule, f"{len(given)} ({', '.join(given)})"))
    return bundles, problems
