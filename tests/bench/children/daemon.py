"""The daemon as `streamdetect run` starts it, with an observer that counts: `... COUNTER CONFIG`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rig.counter import Counter

from streamdetect import logs
from streamdetect.config import load
from streamdetect.service.daemon import Daemon


def main() -> None:
    counter, config = Counter(Path(sys.argv[1])), load(Path(sys.argv[2]))
    done = 0

    def observe(processed: object) -> None:
        nonlocal done
        done += sum(processed.report.messages.values())
        counter.value = done

    logs.set_up(config.logging.level, config.logging.format)
    daemon = Daemon(config, observers=(observe,))
    daemon.handle_signals()
    daemon.run()


if __name__ == "__main__":
    main()
