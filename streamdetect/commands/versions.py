"""`streamdetect versions`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.bundles import versions
from streamdetect.bundles.bundle import Bundle

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect versions`."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the path that the configuration names")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--adopt",
        action="store_true",
        help="make a plain bundle the first version; do not start a daemon meanwhile",
    )
    action.add_argument(
        "--rollback",
        action="store_true",
        help="activate the version before the active one; the daemon loads it on SIGHUP",
    )


def run(args: Namespace) -> int:
    """Change what is active, if asked to, and list the versions."""
    if args.adopt:
        versions.adopt(args.bundle)
    if args.rollback:
        versions.rollback(args.bundle)
    active = versions.active(args.bundle)
    for path in versions.versions(args.bundle):
        manifest = Bundle.load(path)
        mark = "*" if path.resolve() == active else " "
        sys.stdout.write(f"{mark} {path.name}  {manifest.fingerprint}  {manifest.manifest.model_name}\n")
    return 0
