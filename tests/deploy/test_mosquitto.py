"""The shipped broker configuration, in a real Mosquitto."""

from __future__ import annotations

import signal

import pytest

NUMBERS = [str(number) for number in range(2000)]  # more than Mosquitto's own limit of 1000


@pytest.fixture
def broker(shipped_broker):
    broker = shipped_broker()
    yield broker
    broker.stop()


def publish(broker, lines, user="plant", **how):
    return broker.client(
        "mosquitto_pub", user, "-q", 1, "-t", "sensors/a", "-l", given="\n".join(lines), **how
    )


def away(broker):
    """Leave a session behind, as a daemon does that was stopped."""
    options = ("-i", "daemon", "-c", "-x", 3600, "-q", 1, "-t", "sensors/#")
    done = broker.client("mosquitto_sub", "streamdetect", *options, "-E")
    assert done.returncode == 0
    return options


def test_what_was_acknowledged_survives_a_killed_broker_and_more_than_a_thousand_messages(broker):
    session = away(broker)
    assert publish(broker, NUMBERS).returncode == 0
    assert publish(broker, ["last"]).returncode == 0
    broker.stop(signal.SIGKILL)
    broker.start()
    back = broker.client("mosquitto_sub", "streamdetect", *session, "-C", len(NUMBERS) + 1, "-W", 30)
    assert back.stdout.split() == [*NUMBERS, "last"]


def test_nobody_without_a_password(broker):
    assert publish(broker, ["1"], user=None).returncode != 0


def test_over_tls_and_not_to_a_broker_that_we_do_not_know(broker, tmp_path, deploy, run):
    assert publish(broker, ["1"], tls=True).returncode == 0
    run("sh", deploy / "mosquitto" / "certificates.sh", tmp_path, "localhost")
    broker.ca = tmp_path / "ca.crt"
    # With -l it may wait for ever for a connection that it cannot have.
    done = broker.client("mosquitto_pub", "plant", "-q", 1, "-t", "sensors/a", "-m", "1", tls=True)
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("user", "topic", "arrives"),
    [
        ("plant", "sensors/a", True),
        ("plant", "streamdetect/events/default/a", False),
        ("viewer", "sensors/a", False),
        ("streamdetect", "streamdetect/events/default/a", True),
        ("streamdetect", "sensors/a", False),
    ],
)
def test_everyone_may_do_what_the_access_list_says(broker, user, topic, arrives):
    reader = "streamdetect" if topic.startswith("sensors") else "viewer"
    broker.client("mosquitto_pub", user, "-q", 1, "-r", "-t", topic, "-m", "1")
    found = broker.client("mosquitto_sub", reader, "-t", topic, "-C", 1, "-W", 1)
    assert (found.stdout == "1\n") is arrives
