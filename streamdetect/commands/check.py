"""`streamdetect check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.config import load
from streamdetect.config.tls import client_context
from streamdetect.monitoring.access import access
from streamdetect.service.assembly import assemble
from streamdetect.sinks import workers

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.config import Config


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect check`."""
    parser.add_argument("config", metavar="FILE", type=Path, nargs="+")
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="leave passwords, keys and certificates unread: only the service may have them",
    )


def run(args: Namespace) -> int:
    """Read configurations, load their bundles, and say what each would do; connects to nothing."""
    for path in args.config:
        config = load(path)
        assemblies = assemble(config)
        if not args.no_secrets:
            _read_secrets(config)
        sys.stdout.write(f"{path}: sound\n")
        for one in assemblies:
            manifest = one.bundle.manifest
            sys.stdout.write(
                f"  {one.name}: {', '.join(one.config.topics)} -> {manifest.model_name} "
                f"(T={manifest.time_steps}, {', '.join(manifest.features)}), bundle {one.config.bundle} "
                f"{one.bundle.fingerprint}\n"
            )
    return 0


def _read_secrets(config: Config) -> None:
    """Read what the daemon reads at its start.

    Raises:
        ConfigError: a file cannot be read, is open to others or does not fit.
    """
    config.mqtt.password_value()
    if config.mqtt.tls.enabled:
        client_context(config.mqtt.tls, "mqtt.tls")
    if config.metrics.enabled:
        access(config.metrics)
    workers(config)
