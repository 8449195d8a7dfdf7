"""The log that `streamdetect spark run` reads, and how it is taken in."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from streamdetect.config import secrets
from streamdetect.config.quantities import Duration
from streamdetect.config.section import Broken, Section

Text = Annotated[str, Field(min_length=1)]


class SparkConfig(Section):
    """The log that `streamdetect spark` reads instead of MQTT; the daemon does not use it."""

    log: Literal["nats", "kafka"] = "nats"
    """NATS JetStream, or Kafka."""
    servers: Annotated[tuple[Text, ...], Field(min_length=1, strict=False)] = ("nats://localhost:4222",)
    """The servers of the log; for Kafka host:port."""
    streams: Annotated[tuple[Text, ...], Field(min_length=1, strict=False)] = ("sd-0",)
    """NATS: a stream for each partition. Kafka: one topic, whose partitions count."""
    subject_levels: Annotated[int, Field(ge=0, le=16)] = 2
    """NATS: the number of levels of a subject before the MQTT topic: 2 in sd.3.hall.temperature."""
    username: Text | None = None
    """NATS: our user name."""
    password_file: Text | None = None
    """NATS: a file, closed to other users, that holds the password."""
    credentials_file: Text | None = None
    """NATS: a file of credentials (JWT and seed), instead of a name and a password."""
    ca_file: Text | None = None
    """NATS: certificates to trust instead of the system's; servers are then tls://host:4222."""
    options: dict[Text, str] = Field(default_factory=dict)
    """Kafka: further options of librdkafka, like security.protocol."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a new checkpoint begins to read."""
    checkpoint: Text | None = None
    """Where Spark keeps the state: a directory that all its machines see, or a URL that it knows."""
    shards: Annotated[int, Field(ge=1, le=65_536)] = 256
    """The number of parts of the state, fixed while the checkpoint lives: 8 or more for each core."""
    max_messages: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    """Messages of one partition that one micro-batch takes at most."""
    every: Duration = 1.0
    """How often a micro-batch begins at most."""

    def password_value(self) -> str | None:
        """Read the password.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.password_file is None:
            return None
        return secrets.from_file("spark.password_file", self.password_file)

    def broken(self) -> Iterator[Broken]:
        """Find options that the log does not use, and half a login."""
        if (self.username is None) != (self.password_file is None):
            missing, given = ("username", "password_file")[:: 1 if self.username is None else -1]
            yield Broken(missing, f"is required with {given}", also=(given,))
        if self.username and self.credentials_file:
            yield Broken("credentials_file", "cannot be combined with username", also=("username",))
        if self.log == "kafka":
            if len(self.streams) > 1:
                yield Broken("streams", "must be one topic with log: kafka", len(self.streams), ("log",))
            for name in ("username", "credentials_file", "ca_file"):
                if getattr(self, name) is not None:
                    yield Broken(name, "is for log: nats; use options", getattr(self, name), ("log",))
        elif self.options:
            yield Broken("options", "is for log: kafka", also=("log",))
        if len(set(self.streams)) < len(self.streams):
            yield Broken("streams", "must be different ones", ", ".join(self.streams))
