"""`streamdetect backtest`."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.bundle import Bundle
from streamdetect.commands import detector_options, outputs, recording_options
from streamdetect.commands.facts import detector_facts
from streamdetect.commands.progress import progress
from streamdetect.errors import DataError
from streamdetect.offline import plots, report
from streamdetect.offline.backtest.choosing import ending_by, telling
from streamdetect.offline.backtest.rebuilding import rebuild
from streamdetect.offline.backtest.running import backtest
from streamdetect.offline.backtest.summary import as_json, as_table, summarise
from streamdetect.offline.backtest.tables import file_name, iso, write_incidents, write_verdicts
from streamdetect.offline.recordings import cells, times
from streamdetect.offline.recordings.joining import joined
from streamdetect.offline.recordings.series import as_series
from streamdetect.service.assembly import make_detector

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from streamdetect.config import DetectorConfig, ThresholdConfig
    from streamdetect.core.detector import Detector
    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.backtest.summary import Summary
    from streamdetect.offline.recordings import Recording


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect backtest`."""
    recording_options.add_arguments(parser)
    detector_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] DATA [DATA ...]"
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        help="write verdicts.csv, incidents.csv and summary.json into this folder",
    )
    group.add_argument(
        "--plot",
        action="store_true",
        help="also draw pictures of each sensor: its series, errors and threshold, a histogram of its "
        "errors, and its worst windows with their reconstruction (needs the extra plot)",
    )
    group.add_argument(
        "--window",
        metavar="TIME",
        type=_time,
        action="append",
        default=[],
        help="with --plot, also draw the window that ends at this time: ISO 8601 (UTC without a zone) or "
        "Unix seconds; may be repeated",
    )
    group.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help="write one HTML file with interactive charts of all sensors, which needs no network "
        "(needs the extra plot)",
    )
    group.add_argument(
        "--all-rows",
        action="store_true",
        help="write a row for every reading into verdicts.csv, judged or not",
    )
    group.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: Namespace) -> int:
    """Judge the recordings, write what was asked for and print the summary; 0."""
    _check(args)
    config = detector_options.from_arguments(args)
    bundle = Bundle.load(config.bundle)
    found = _recordings(args, config, bundle)
    detector = make_detector(config, bundle)
    results = _judge(detector, found)
    _check_windows(results, args.window)
    summaries = [summarise(result) for result in results]
    if args.output is not None:
        _write(results, summaries, args, detector)
    if args.json:
        sys.stdout.write(json.dumps(as_json(summaries), indent=2) + "\n")
    else:
        sys.stdout.write(f"{_describe(config, bundle)}\n\n{as_table(summaries)}\n")
    if args.report is not None:
        _report(results, summaries, args, config, bundle)
    return 0


def _recordings(args: Namespace, config: DetectorConfig, bundle: Bundle) -> list[Recording]:
    """The recordings with the bundle's features, incomplete and joined as in the daemon."""
    whose, partial = f"the bundle {config.bundle}", config.missing != "drop" or config.join is not None
    found = recording_options.from_arguments(args, bundle.manifest.features, whose, partial=partial)
    if config.join is not None:
        found = [joined(one, config.join.tolerance) for one in found]
    return as_series(found, config.series)


def _check(args: Namespace) -> None:
    """Refuse what cannot be done, before the work begins."""
    if args.output is None and (args.plot or args.all_rows):
        raise DataError("--plot and --all-rows need a folder to write to: --output FOLDER")
    if args.window and not args.plot:
        raise DataError("--window needs --plot, which draws it")
    if args.plot:
        plots.check_installed()
    if args.output is not None:
        outputs.check_folder(args.output)
    if args.report is not None:
        report.check_installed()
        outputs.check_file(args.report)


def _time(text: str) -> float:
    try:
        return times.one_time(text)
    except cells.BadCell:
        raise ArgumentTypeError(f"must be ISO 8601 or Unix seconds, got {text!r}") from None


def _check_windows(results: Sequence[SensorResult], times: Sequence[float]) -> None:
    for time in times:
        if all(ending_by(result, time) is None for result in results):
            judged = [result.times[result.windows] for result in results if result.windows.any()]
            spans = ", ".join(f"{iso(one[0])} to {iso(one[-1])}" for one in judged[:3]) or "none"
            raise DataError(f"--window: must be within what was judged ({spans}), got {iso(time)}")


def _judge(detector: Detector, found: Sequence[Recording]) -> list[SensorResult]:
    with progress("backtest", sum(map(len, found))) as show:
        return backtest(detector, found, progress=show)


def _write(
    results: Sequence[SensorResult], summaries: Sequence[Summary], args: Namespace, detector: Detector
) -> None:
    folder: Path = args.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_verdicts(results, folder / "verdicts.csv", all_rows=args.all_rows)
        write_incidents(results, folder / "incidents.csv")
        (folder / "summary.json").write_text(json.dumps(as_json(summaries), indent=2) + "\n")
        if args.plot:
            _draw(results, detector, folder, args.window)
    except OSError as error:
        raise DataError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error


def _draw(results: Sequence[SensorResult], detector: Detector, folder: Path, times: Sequence[float]) -> None:
    with progress("pictures", len(results)) as show:
        for done, result in enumerate(results):
            show(done)
            _draw_sensor(result, detector, folder, times)


def _draw_sensor(result: SensorResult, detector: Detector, folder: Path, times: Sequence[float]) -> None:
    metric, recording = detector.settings.error, result.recording
    base = file_name(recording.sensor)
    plots.sensor(result, folder / f"{base}.png", metric)
    due = result.windows
    count = int(np.count_nonzero(due))
    errors, thresholds = result.errors[due], result.thresholds[due]
    title = f"{recording.name}:  errors of {count:,} windows"
    plots.error_histogram(errors, thresholds, folder / f"{base}+errors.png", title, metric)
    windows = rebuild(detector, result, telling(result, times))
    if windows:
        title = f"{recording.name}:  {len(windows)} of {count:,} windows"
        plots.reconstruction(windows, folder / f"{base}+windows.png", title)


def _report(
    results: Sequence[SensorResult],
    summaries: Sequence[Summary],
    args: Namespace,
    config: DetectorConfig,
    bundle: Bundle,
) -> None:
    path: Path = args.report
    settings = detector_facts(args.data, config, bundle)
    first, *others = (Path(one).name for one in args.data)
    title = f"Backtest of {first}" + (f" and {len(others)} more" if others else "")
    about = _describe(config, bundle)
    about = f"{about[0].upper()}{about[1:]}."
    metric = bundle.manifest.error
    try:
        size = report.write(path, results, summaries, settings, metric=metric, title=title, about=about)
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be written: {error.strerror}") from error
    if not args.json:
        sys.stdout.write(f"\nreport {path}, {size / 1e6:.1f} MB\n")


def _describe(config: DetectorConfig, bundle: Bundle) -> str:
    manifest, threshold, incidents = bundle.manifest, config.threshold, config.incidents
    cooldown = f", cooldown {incidents.cooldown}" if incidents.cooldown else ""
    error = {"mae": "MAE", "mse": "MSE", "last": "error of the last step"}[manifest.error]
    return (
        f"bundle {config.bundle} ({bundle.fingerprint}): {error} of windows of "
        f"{manifest.time_steps} readings, threshold {_threshold(threshold)}, "
        f"an incident from {incidents.consecutive} anomalous in a row{cooldown}"
    )


def _threshold(settings: ThresholdConfig) -> str:
    sigma = f"{settings.sigma:g} sigma"
    return {
        "rolling": f"mean + {sigma} of the last {settings.history:,} at least",
        "training": f"mean + {sigma} of the training errors",
        "fixed": f"{settings.level:g}",
    }[settings.kind]
