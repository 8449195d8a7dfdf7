"""`streamdetect tune`."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.bundles.bundle import Bundle
from streamdetect.commands import detector_options, outputs, recording_options
from streamdetect.commands.facts import detector_facts
from streamdetect.commands.progress import progress
from streamdetect.errors import DataError
from streamdetect.offline import plots, report
from streamdetect.offline.tuning import STEPS, Tuning, tune

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

_PER = {"day": 7.0, "week": 1.0, "month": 7 / 30.4, "year": 7 / 365.0}  # how many of them a week has


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect tune`."""
    recording_options.add_arguments(parser)
    detector_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] DATA [DATA ...]"
    group = parser.add_argument_group("tuning")
    group.add_argument(
        "--at-most",
        metavar="N/PERIOD",
        type=_rate,
        default=1.0,
        help="how many false alarms all these sensors may raise together: 1/week, 2/month, 3/day [1/week]",
    )
    group.add_argument(
        "--held-out",
        metavar="SHARE",
        type=_share,
        default=0.4,
        help="the share of the time, the latest part, that is held out to test the choice [%(default)s]",
    )
    group.add_argument(
        "--plot", metavar="FILE", type=Path, help="write the curve as a picture (needs the extra plot)"
    )
    group.add_argument(
        "--report", metavar="FILE", type=Path, help="write the curve as an HTML file (needs the extra plot)"
    )


def run(args: Namespace) -> int:
    """Find the sensitivity and print it, and the curve; 1 if none keeps to the limit."""
    if args.plot:
        plots.check_installed()
        outputs.check_file(args.plot)
    if args.report:
        report.check_installed()
        outputs.check_file(args.report)
    config = detector_options.from_arguments(args)
    bundle = Bundle.load(config.bundle)
    whose = f"the bundle {config.bundle}"
    found = recording_options.from_arguments(args, bundle.manifest.features, whose)
    with progress("tune", len(STEPS)) as draw:
        tuning = tune(config, bundle, found, args.at_most, held_out=args.held_out, progress=draw)
    sys.stdout.write(_curve(tuning))
    result = _chosen(tuning, args.at_most)
    _draw(tuning, args, detector_facts(args.data, config, bundle), result)
    if tuning.chosen is None:
        sys.stderr.write(f"streamdetect: {result}\n")
        return 1
    sys.stdout.write(f"\n{result}\n\nsensitivity: {tuning.chosen.sensitivity:.3g}\n")
    return 0


def _draw(tuning: Tuning, args: Namespace, settings: Mapping[str, Mapping[str, str]], result: str) -> None:
    """Draw the picture and the page that were asked for."""
    chosen = f"sensitivity {tuning.chosen.sensitivity:.3g}: " if tuning.chosen else ""
    try:
        if args.plot:
            plots.tuning_curve(tuning, args.at_most, args.plot)
        if args.report:
            title = f"Tuning with {', '.join(Path(one).name for one in args.data)}"
            about = f"{chosen}{'; '.join(result.splitlines())}."
            report.write_tuning(
                args.report,
                tuning,
                args.at_most,
                settings,
                title=title,
                result=f"{about[0].upper()}{about[1:]}",
            )
    except OSError as error:
        raise DataError(f"{error.filename or args.plot}: cannot be written: {error.strerror}") from error


def _curve(tuning: Tuning) -> str:
    lines = [f"{'sensitivity':>11}  {'false/week':>10}  {'held out':>8}  {'found':>7}  {'held out':>8}"]
    for point in tuning.points:
        one, other = point.chosen_on, point.held_out
        found = [f"{part.found}/{part.faults}" if tuning.labelled else "-" for part in (one, other)]
        mark = "  <- chosen" if point is tuning.chosen else ""
        rates = f"{one.false_per_week:>10.2f}  {other.false_per_week:>8.2f}"
        lines.append(f"{point.sensitivity:>11.3g}  {rates}  {found[0]:>7}  {found[1]:>8}{mark}")
    return "\n".join(lines) + "\n"


def _chosen(tuning: Tuning, most: float) -> str:
    """Describe the choice, its results, and what to mind, a line each."""
    chosen = tuning.chosen
    if chosen is None:
        weeks = tuning.points[-1].chosen_on.weeks
        few = f"; {weeks:.2g} weeks are too few to tell: one alarm is {1 / weeks:.2f} a week"
        return f"no sensitivity has at most {most:g} false alarms a week{few if weeks * most < 1 else ''}"
    kept = "keeps to" if chosen.held_out.false_per_week <= most else "exceeds"
    rate = chosen.held_out.false_per_week
    result = f"{kept} the limit: {rate:.2f} false alarms a week, at most {most:g}"
    lines = [f"of the held-out {chosen.held_out.weeks:.2g} weeks it {result}"]
    if not tuning.labelled:
        lines.append("without labels every incident counts as false")
    if chosen.chosen_on.weeks * most < 1:
        lines.append(f"chosen on {chosen.chosen_on.weeks:.2g} weeks: too few to tell so low a rate")
    return "\n".join(lines)


def _rate(text: str) -> float:
    count, _, period = text.partition("/")
    try:
        rate = float(count) * _PER[period or "week"]
    except (ValueError, KeyError):
        raise ArgumentTypeError(f"must be like 1/week, 2/month or 3/day, got {text!r}") from None
    if not 0 < rate < float("inf"):
        raise ArgumentTypeError(f"must be > 0, got {text!r}")
    return rate


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 0.9:  # noqa: PLR2004 - a tenth is the warm-up
        raise ArgumentTypeError(f"must be > 0 and < 0.9, got {text}")
    return number
