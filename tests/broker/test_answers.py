"""Answers over a real broker: given by the command, remembered over a SIGKILL, refused by an access list."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

CHANCE = random.Random(2)  # noqa: S311 - noise
WARM = [CHANCE.gauss(-18, 0.3) + (9 if at >= 1000 else 0) for at in range(1010)]
ACL = "user daemon\ntopic readwrite #\nuser anna\ntopic readwrite streamdetect/#\nuser bob\ntopic read #\n"

MUTED = "mute: freezer* (no sensor of that name is known yet)\n"


@pytest.fixture
def house(mosquitto, tmp_path, until):
    """A daemon that takes commands, and the command line beside it."""
    (tmp_path / "acl").write_text(ACL)
    broker = mosquitto(f"acl_file {tmp_path}/acl")
    log = tmp_path / "log"
    running = []

    class House:
        state = tmp_path / "state"

        def config(self, user) -> str:
            config = {
                "mqtt": {"port": broker.port, "username": user, "password": "x"},
                "answers": {"enabled": True},
                "metrics": {"enabled": False},
                "state": {"directory": str(self.state)},
                "detectors": [{"payload": {"time": "t"}}],
            }
            path = tmp_path / f"{user}.yaml"
            path.write_text(
                json.dumps(config | ({} if user == "daemon" else {"metrics": {"enabled": False}}))
            )
            return str(path)

        def start(self) -> None:
            command = [sys.executable, "-m", "streamdetect", "run", "-c", self.config("daemon")]
            before = self.log.count("connected to the broker")
            with log.open("a") as file:
                running.append(subprocess.Popen(command, stderr=file))
            until(lambda: self.log.count("connected to the broker") > before, "connected")

        def publish(self, *values) -> None:
            began = time.time() - 60 * len(values)
            payloads = [json.dumps({"t": began + 60 * at, "value": one}) for at, one in enumerate(values)]
            broker.publish("sensors/freezer", payloads, "-u", "daemon", "-P", "x")

        def kill(self) -> None:
            os.kill(running[-1].pid, signal.SIGKILL)
            running[-1].wait()

        @property
        def log(self) -> str:
            return log.read_text() if log.exists() else ""

        def answer(self, user, *words) -> subprocess.CompletedProcess:
            command = [sys.executable, "-m", "streamdetect", "answer", "-c", self.config(user), "--by", user]
            return subprocess.run([*command, *words], capture_output=True, text=True, check=False)

        def incidents(self, *words) -> str:
            command = [sys.executable, "-m", "streamdetect", "incidents", "--state", str(self.state), *words]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    yield House()
    for process in running:
        process.kill()
        process.wait()


def test_a_mute_is_confirmed_audited_and_survives_a_kill(house, until):
    house.start()
    done = house.answer("anna", "mute", "freezer*", "--for", "2h")
    assert (done.returncode, done.stdout, done.stderr) == (0, MUTED, "")
    until(lambda: "freezer*" in house.incidents("--answers"), "the audit")
    house.kill()
    house.start()
    done = house.answer("anna", "unmute", "freezer*")
    assert (done.returncode, done.stdout) == (0, "unmute: freezer*\n")
    done = house.answer("anna", "unmute", "freezer*")
    assert (done.returncode, done.stderr) == (1, "streamdetect: freezer* is not muted\n")
    until(lambda: house.incidents("--answers").count("anna") == 3, "the audit")
    done = house.answer("anna", "false", "0" * 32)
    assert done.stderr == f"streamdetect: there is no incident {'0' * 32}\n"


def test_a_false_alarm_ends_is_labelled_and_stays_so_over_a_kill(house, until):
    house.start()
    house.publish(*WARM)
    listed = until(lambda: house.incidents("--json", "--since", "30d"), "an incident")
    incident = json.loads(listed.splitlines()[-1])["id"]
    done = house.answer("anna", "false", incident)
    assert (done.returncode, done.stdout) == (0, "false: sensors/freezer\n")
    until(lambda: "said to be normal  (false)" in house.incidents("--since", "30d"), "closed and labelled")
    done = house.answer("anna", "false", incident[:8])
    assert (done.returncode, done.stdout) == (0, "false: sensors/freezer (that was said before)\n")
    done = house.answer("anna", "false", "x")
    assert "there is no incident whose id begins with x in " in done.stderr
    assert house.answer("anna", "sensitivity", "sensors/*", "0.5").returncode == 0
    done = house.answer("anna", "sensitivity", "sensors/*", "101")
    wrong = "streamdetect: command.value: must be <= 100, got 101.0\n"
    assert (done.returncode, done.stderr) == (1, wrong)
    house.kill()
    house.start()
    assert "0 sensors" not in house.log.splitlines()[-2]
    assert house.log.count("set aside") == 0
    assert house.incidents("--open") == "no incidents in the last 1 d\n"


def test_whoever_may_not_publish_there_mutes_nothing(house):
    house.start()
    done = house.answer("bob", "mute", "*")
    assert done.returncode == 1
    assert "Not authorized" in done.stderr
    assert "mute by" not in house.log
