"""The demo's configuration, written as a user would write one."""

from __future__ import annotations

import json
from pathlib import Path

from streamdetect.config import Config, MetricsConfig, PageConfig, parse
from streamdetect.demo.broker import HOST, PROTOCOL

_METRICS_PORT, _PAGE_PORT = MetricsConfig().port, PageConfig().port
_TEXT = """\
# The configuration of `streamdetect demo`; `streamdetect run -c` takes it as it is.
# For a plant of your own change the broker, the topics and where a message has its value.

mqtt:
  host: {host}
  port: {port}
  protocol: "{protocol}"             # all that the demo's broker speaks; leave it out for others
  client_id: streamdetect-demo

metrics:
  port: {metrics_port}

page:                           # pip install 'streamdetect[page]'
  enabled: {page}
  port: {page_port}

state:
  directory: {state}            # windows, thresholds, incidents and events survive a restart here

detectors:
  - name: plant
    topics: [plant/#]
    templates: ["plant/{{line}}/{{quantity}}"]
    sensor: "{{line}}/{{quantity}}"
    payload: {{value: value, time: time}}   # {{"time": 1735689600.0, "value": 179.3}}
"""


def text(
    port: int = 1883, state: Path = Path("state"), *, page: bool = False, free_ports: bool = False
) -> str:
    """Write the configuration file.

    Args:
        port: of the broker.
        state: where the state is kept.
        page: whether the live page is served.
        free_ports: take free ports for metrics and page, not the usual ones.
    """
    metrics_port, page_port = (0, 0) if free_ports else (_METRICS_PORT, _PAGE_PORT)
    return _TEXT.format(
        host=HOST,
        port=port,
        protocol=PROTOCOL,
        metrics_port=metrics_port,
        page=str(page).lower(),
        page_port=page_port,
        state=json.dumps(str(state)),
    )


def make_config(port: int, state: Path, *, page: bool = False, free_ports: bool = False) -> Config:
    """Make the configuration for a broker on this port, and state in this directory; see `text`."""
    return parse(text(port, state, page=page, free_ports=free_ports))
