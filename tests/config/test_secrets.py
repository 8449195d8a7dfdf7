from __future__ import annotations

import json
import logging
import os
import traceback

import pytest

from streamdetect.config import load, parse, secrets
from streamdetect.config.tls import client_context
from streamdetect.errors import ConfigError

SECRET = "hunter2-Sésame"  # noqa: S105 - the one that must not be seen


def test_a_password_is_in_no_representation():
    config = parse(f"mqtt: {{username: u, password: {SECRET}}}")
    shown = [
        repr(config),
        str(config),
        str(config.model_dump()),
        config.model_dump_json(),
        config.to_yaml(),
        f"{config.mqtt!r}",
    ]
    assert not any(SECRET in text for text in shown)
    assert config.mqtt.password_value() == SECRET


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{password: [{SECRET}]}}",
        f"mqtt: {{password: {{a: {SECRET}}}}}",
        f"mqtt: {{username: 3, password: {SECRET}}}",
        f"mqtt: {{password: {SECRET}}}",
        f"mqtt: {{pasword: {SECRET}}}",
        f"mqtt: {{tls: {{password: {SECRET}}}}}",
        f"mqtt: {{password: {SECRET}, password_file: x}}",
        f"password: {SECRET}",
        f"mqtt: {{password: *{SECRET}}}",
        f"mqtt: {{password: {SECRET}, password: {SECRET}}}",
        f"mqtt: {{password: '{SECRET}\n",
    ],
)
def test_a_password_is_in_no_problem_and_no_traceback(text, caplog):
    with pytest.raises(ConfigError) as broken:
        parse(text)
    logging.getLogger("test").error("failed", exc_info=broken.value)
    shown = "".join(traceback.format_exception(broken.value)) + caplog.text + repr(broken.value.problems)
    assert SECRET not in shown


def test_a_wrong_password_is_shown_as_stars():
    with pytest.raises(
        ConfigError, match=r"mqtt.password: must be a string \(put it in quotes\), got \*\*\*"
    ):
        parse("mqtt: {username: u, password: 12345}")


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (SECRET, SECRET),
        (SECRET + "\n", SECRET),
        (SECRET + "\r\n", SECRET),
        (SECRET + "\n\n", SECRET + "\n"),
        (" a ", " a "),
    ],
)
def test_a_password_file_is_read_when_it_is_needed(tmp_path, content, secret):
    path = tmp_path / "password"
    config = parse(f"mqtt: {{username: u, password_file: {json.dumps(str(path))}}}")
    path.touch(mode=0o600)
    path.write_bytes(content.encode())
    assert config.mqtt.password_value() == secret
    path.write_text("changed")
    assert config.mqtt.password_value() == "changed"
    assert "changed" not in repr(config)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_password_file_closed_to_others_is_accepted(tmp_path, mode):
    path = tmp_path / "password"
    path.write_text("a")
    path.chmod(mode)
    assert parse(f"mqtt: {{username: u, password_file: {path}}}").mqtt.password_value() == "a"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601])
def test_a_password_file_open_to_others_is_refused(tmp_path, mode):
    path = tmp_path / "password"
    path.write_text("a")
    path.chmod(mode)
    config = parse(f"mqtt: {{username: u, password_file: {path}}}")
    with pytest.raises(
        ConfigError, match=rf"^mqtt.password_file: must be closed to other users .* mode is {mode:04o}$"
    ):
        config.mqtt.password_value()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "must not be empty"),
        (b"\n", "must not be empty"),
        (b"\xff", "must be UTF-8"),
        (b"a" * 65_537, "at most 64 KiB"),
    ],
)
def test_an_unusable_password_file_is_a_problem(tmp_path, content, rule):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^mqtt.password_file: .*{rule}"):
        parse(f"mqtt: {{username: u, password_file: {path}}}").mqtt.password_value()


@pytest.mark.parametrize("path", ["/nonexistent/file", "/"])
def test_a_missing_password_file_is_a_problem(path):
    with pytest.raises(
        ConfigError, match=r"^mqtt.password_file: cannot be read: (No such file|Is a directory)"
    ):
        parse(f"mqtt: {{username: u, password_file: {path}}}").mqtt.password_value()


def test_a_password_comes_from_the_environment_only_where_so_written(monkeypatch):
    monkeypatch.setenv("BROKER_PASSWORD", SECRET)
    config = parse("mqtt: {username: $BROKER_PASSWORD, password_env: BROKER_PASSWORD}")
    assert config.mqtt.password_value() == SECRET
    assert config.mqtt.username == "$BROKER_PASSWORD"
    assert SECRET not in repr(config)
    monkeypatch.delenv("BROKER_PASSWORD")
    with pytest.raises(ConfigError, match=r"^mqtt.password_env: must not be empty, got BROKER_PASSWORD"):
        config.mqtt.password_value()


def test_without_a_source_there_is_no_password():
    assert parse("mqtt: {}").mqtt.password_value() is None
    assert parse("mqtt: {}").mqtt.tls.key_password_value() is None


def test_the_password_of_the_key_is_read_like_the_other(tmp_path):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text("a\n")
    tls = parse(
        f"mqtt: {{tls: {{enabled: true, cert_file: c, key_file: k, key_password_file: {path}}}}}"
    ).mqtt.tls
    assert tls.key_password_value() == "a"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"^mqtt.tls.key_password_file: must be closed to other users"):
        tls.key_password_value()


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{username: u, password_file: {SECRET}}}",
        f"mqtt: {{username: u, password_env: {SECRET}}}",
        f"mqtt: {{tls: {{enabled: true, cert_file: /dev/null, key_file: {SECRET}}}}}",
        f"mqtt: {{host: 'user:{SECRET}@broker'}}",
        f"mqtt: {{username: u, password_file: [{SECRET}]}}",
        f"metrics: {{username: u, password_file: {SECRET}}}",
    ],
)
def test_a_secret_in_the_wrong_option_is_in_no_problem(text):
    def use() -> None:
        config = parse(text)
        config.mqtt.password_value()
        if config.metrics.password_file:
            config.metrics.password_value()
        client_context(config.mqtt.tls, "mqtt.tls")

    with pytest.raises(ConfigError) as broken:
        use()
    assert SECRET not in str(broken.value)


def test_the_name_of_a_file_or_variable_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=rf"cannot be read: No such file or directory, got {tmp_path}/x"):
        secrets.from_file("mqtt.password_file", f"{tmp_path}/x")
    with pytest.raises(ConfigError, match="must not be empty, got MQTT_PASSWORD"):
        secrets.from_environment("mqtt.password_env", "MQTT_PASSWORD")


@pytest.mark.parametrize("read", [load, lambda path: secrets.from_file("mqtt.password_file", path)])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(ConfigError, match="must be a regular file"):
            read(str(path))
