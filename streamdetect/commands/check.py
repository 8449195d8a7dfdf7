"""`streamdetect check`."""

from __future__ import annotations

import sys
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from streamdetect.commands.spans import span
from streamdetect.config import load
from streamdetect.config.tls import client_context
from streamdetect.monitoring.access import access
from streamdetect.offline.discovery.explaining import Explanation, notes
from streamdetect.offline.discovery.hearing import hear
from streamdetect.service.assembly import assemble
from streamdetect.service.page import check_installed
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
        help="do not read passwords, keys and certificates: perhaps only the service may read them",
    )
    parser.add_argument(
        "--connect",
        action="store_true",
        help="also listen to the broker, and show which messages the detectors would take",
    )
    parser.add_argument(
        "--for",
        dest="span",
        metavar="SPAN",
        type=span,
        default=30.0,
        help="how long to listen with --connect [30s]",
    )


def run(args: Namespace) -> int:
    """Read configurations, load their bundles, and say what each would do."""
    heard = True
    for path in args.config:
        config = load(path)
        assemblies = assemble(config)
        if not args.no_secrets:
            _read_secrets(config)
        sys.stdout.write(f"{path}: valid\n")
        for one in assemblies:
            manifest = one.bundle.manifest
            sys.stdout.write(
                f"  {one.name}: {', '.join(one.config.topics)} -> {manifest.model_name} "
                f"(T={manifest.time_steps}, {', '.join(manifest.features)}), bundle {one.config.bundle} "
                f"{one.bundle.fingerprint}\n"
            )
        sys.stdout.writelines(f"  note: {note}\n" for note in notes(config))
        if args.connect:
            heard &= _listen(config, args.span)
    return 0 if heard else 1


def _listen(config: Config, seconds: float) -> bool:
    """Report how the detectors read the broker's messages; False if one read nothing or rejects something.

    Raises:
        StreamdetectError: there is no connection.
    """
    explanation = Explanation(config)
    settings = config.mqtt.model_copy(
        update={"client_id": f"{config.mqtt.client_id[:50]}-check-{token_hex(3)}"}
    )
    sys.stdout.write(f"listening to {settings.address} for {seconds:g} s\n")
    topics = [topic for one in config.detectors for topic in one.topics]
    explanation.look(hear(settings, topics, seconds))
    sys.stdout.write(f"{explanation.messages} messages\n")
    sys.stdout.writelines(f"{line}\n" for line in explanation.lines())
    return not explanation.deaf and not explanation.rejected


def _read_secrets(config: Config) -> None:
    """Read the secrets and files that the daemon reads at its start.

    Raises:
        ConfigError: a file cannot be read, is open to others or does not fit.
    """
    config.mqtt.password_value()
    if config.mqtt.tls.enabled:
        client_context(config.mqtt.tls, "mqtt.tls")
    if config.metrics.enabled:
        access(config.metrics)
    if config.page.enabled:
        check_installed()
        access(config.page, "page")
    workers(config)
