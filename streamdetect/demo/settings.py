"""The demo's configuration, written as a user would write one."""

from __future__ import annotations

import json
from pathlib import Path

from streamdetect.config import Config, MetricsConfig, parse
from streamdetect.demo.broker import HOST, PROTOCOL

_METRICS_PORT = MetricsConfig().port
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

state:
  directory: {state}            # windows, thresholds, incidents and events survive a restart here

detectors:
  - name: plant
    topics: [plant/#]
    templates: ["plant/{{line}}/{{quantity}}"]
    sensor: "{{line}}/{{quantity}}"
    payload: {{value: value, time: time}}   # {{"time": 1735689600.0, "value": 179.3}}
"""


def text(port: int = 1883, metrics_port: int = _METRICS_PORT, state: Path = Path("state")) -> str:
    """The configuration file; a metrics port of 0 takes a free one."""
    fields = {"port": port, "metrics_port": metrics_port, "state": json.dumps(str(state))}
    return _TEXT.format(host=HOST, protocol=PROTOCOL, **fields)


def make_config(port: int, state: Path, metrics_port: int = _METRICS_PORT) -> Config:
    """The configuration for a broker on this port, and state in this directory."""
    return parse(text(port, metrics_port, state))
