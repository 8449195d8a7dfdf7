"""The cost of receiving, measured over a pair of sockets."""

from math import isfinite

import pytest

from streamdetect.config import Config
from streamdetect.mqtt.inbox import Message
from streamdetect.mqtt.receiving import receiving_rate

LARGE = 300_000  # bytes, more than the sockets hold


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_packets_of_any_size_are_received_and_timed(protocol, qos):
    config = Config.defaults()
    config = config.model_copy(
        update={"mqtt": config.mqtt.model_copy(update={"protocol": protocol, "qos": qos, "transport": "tcp"})}
    )
    messages = [Message(f"bench/{at}", b"1" * (at % 3), 0, 0, 0, 0.0, retain=False) for at in range(250)]
    messages.append(Message("bench/large", b"1" * LARGE, 0, 0, 0, 0.0, retain=False))
    rate = receiving_rate(config, messages)
    assert isfinite(rate)
    assert rate > 0
