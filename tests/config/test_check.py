"""`streamdetect check` reads what the daemon reads at its start, unless it is told not to."""

from __future__ import annotations

import pytest

from streamdetect.cli import main

EX_CONFIG = 78


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mqtt: {username: u, password_file: /missing}", "mqtt.password_file: cannot be read"),
        ("mqtt: {tls: {enabled: true, ca_file: /missing}}", "mqtt.tls.ca_file: must be a readable PEM file"),
        ("metrics: {username: u, password_file: /missing}", "metrics.password_file: cannot be read"),
    ],
)
def test_secrets_are_read_unless_they_are_for_the_service_alone(tmp_path, capsys, text, problem):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert main(["check", str(path)]) == EX_CONFIG
    said = capsys.readouterr()
    assert problem in said.err
    assert not said.out
    assert main(["check", "--no-secrets", str(path)]) == 0
    assert f"{path}: valid\n  default: sensors/# -> " in capsys.readouterr().out


def test_a_file_is_refused_without_secrets_too(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("detectors: [{bundle: /missing}]")
    assert main(["check", "--no-secrets", str(path)]) == EX_CONFIG
    assert "detectors[0].bundle: " in capsys.readouterr().err


def test_filters_that_overlap_are_noted_where_copies_cannot_be_told_apart(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    for protocol, noted in (("5", False), ("3.1.1", True)):
        path.write_text(f"mqtt: {{protocol: '{protocol}'}}\ndetectors: [{{topics: [a/+/t, a/b/#]}}]\n")
        assert main(["check", str(path)]) == 0
        assert ("note: a topic can match both a/+/t and a/b/#" in capsys.readouterr().out) is noted
