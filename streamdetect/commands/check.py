"""`streamdetect check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.assembly import assemble
from streamdetect.config import load

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect check`."""
    parser.add_argument("config", metavar="FILE", type=Path, nargs="+")


def run(args: Namespace) -> int:
    """Read configurations, load their bundles, and say what each would do; connects to nothing."""
    for path in args.config:
        config = load(path)
        sys.stdout.write(f"{path}: sound\n")
        config.mqtt.password_value()
        for one in assemble(config):
            manifest = one.bundle.manifest
            sys.stdout.write(
                f"  {one.name}: {', '.join(one.config.topics)} -> {manifest.model_name} "
                f"(T={manifest.time_steps}, {', '.join(manifest.features)}), bundle {one.config.bundle} "
                f"{one.bundle.fingerprint}\n"
            )
    return 0
