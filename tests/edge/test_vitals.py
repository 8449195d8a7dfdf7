"""The daemon's reports on itself, before it is connected to anything."""

from __future__ import annotations

import re

import pytest

from streamdetect.config import parse
from streamdetect.service.daemon import Daemon


@pytest.mark.parametrize(("qos", "limit"), [(1, 70), (0, 900)])
def test_the_limit_of_the_inbox_is_the_one_that_binds(qos, limit):
    daemon = Daemon(
        parse(f"""
        mqtt: {{qos: {qos}, max_undelivered_messages: 70}}
        batch: {{inbox: 900}}
        metrics: {{enabled: false}}
        """)
    )
    shown = daemon.metrics.exposition().decode()
    assert re.search(r"^streamdetect_inbox_limit (\S+)$", shown, re.MULTILINE)[1] == f"{limit}.0"
    daemon._store.close()
