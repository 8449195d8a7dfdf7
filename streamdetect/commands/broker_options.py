"""The broker to publish to, as options of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect import config
from streamdetect.commands.config_option import add_config

if TYPE_CHECKING:
    from argparse import Namespace, _ArgumentGroup

    from streamdetect.config import MqttConfig


def add_broker_arguments(group: _ArgumentGroup) -> None:
    """Add the options that `broker_from` reads."""
    add_config(group, "a configuration whose `mqtt` section to use: user, password, TLS, …")
    group.add_argument("--host", help="the broker [localhost]")
    group.add_argument("--port", type=int, metavar="N", help="its port [1883; with TLS 8883]")


def broker_from(args: Namespace) -> MqttConfig:
    """Return the broker's address and our login there.

    Raises:
        ConfigError: the file is not valid.
    """
    settings = config.load(args.config).mqtt if args.config else config.MqttConfig()
    given = {"host": args.host, "port": args.port}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})
