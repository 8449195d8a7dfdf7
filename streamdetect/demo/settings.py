"""The demo's configuration, written as a user would write one."""

from __future__ import annotations

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

detectors:
  - name: plant
    topics: [plant/#]
    templates: ["plant/{{line}}/{{quantity}}"]
    sensor: "{{line}}/{{quantity}}"
    payload: {{value: value, time: time}}   # {{"time": 1735689600.0, "value": 179.3}}
    threshold:
      sigma: 4.0                  # fewer false alarms than with 2.0, and large faults are still found
      min_count: 200              # a threshold from this sensor's own errors alone,
      until_min_count: silent     # and nothing is judged before
    incidents:
      consecutive: 2              # one window over the threshold is not worth an alarm
      close_after: 8              # and a fault that wavers around it is one incident
"""


def text(port: int = 1883, metrics_port: int = _METRICS_PORT) -> str:
    """The configuration file; a metrics port of 0 takes a free one."""
    return _TEXT.format(host=HOST, port=port, protocol=PROTOCOL, metrics_port=metrics_port)


def make_config(port: int, metrics_port: int = _METRICS_PORT) -> Config:
    """The configuration for a broker on this port."""
    return parse(text(port, metrics_port))
