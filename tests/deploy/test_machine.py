"""The operations guide followed word by word, and the hardened unit under a real systemd."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from machine import Machine, checkout

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "deploy/README.md").read_text()
INVOCATION = "systemctl show -P InvocationID streamdetect"
READY = "curl -sf http://localhost:9464/readyz"
METRICS = "curl -s http://localhost:9464/metrics"
READING = next(line for line in GUIDE.splitlines() if line.startswith("mosquitto_pub "))
KNOWN = f"{METRICS} | grep -q '^streamdetect_sensors{{detector=\"plant\"}} 1.0'"

pytestmark = pytest.mark.skipif(
    "STREAMDETECT_DEPLOY_CHECK" not in os.environ or os.geteuid() != 0,
    reason="boots a Debian of its own: bash deploy/check.sh, as root",
)


def blocks(kind):
    found = re.findall(rf"^```sh {kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.fixture(scope="module")
def machine(need, tmp_path_factory):
    need("debootstrap", "systemd-nspawn")
    machine = Machine(checkout(ROOT, tmp_path_factory.mktemp("checkout")))
    try:
        machine.install = [machine.shell(f"cd /usr/src/streamdetect\n{block}") for block in blocks("install")]
        yield machine
    finally:
        machine.off()


@pytest.fixture
def running(machine):
    """The service as it was installed, up and connected, with one sensor."""
    machine.shell("rm -rf /etc/systemd/system/streamdetect.service.d; systemctl daemon-reload")
    machine.shell("test -e /root/valid.yaml || cp /etc/streamdetect/config.yaml /root/valid.yaml")
    machine.shell("cp /root/valid.yaml /etc/streamdetect/config.yaml")
    machine.shell("systemctl reset-failed streamdetect 2> /dev/null || true; systemctl restart streamdetect")
    machine.until(READY)
    machine.shell(READING)
    machine.until(KNOWN)
    return machine


def restarted(machine, before):
    machine.until(f"systemctl is-active -q streamdetect && test $({INVOCATION}) != {before.strip()}")


def test_installing_ends_with_a_sensor_that_is_known(machine):
    assert "ok\n" in machine.install[-1]
    assert 'streamdetect_sensors{detector="plant"} 1.0' in machine.install[-1]
    assert "Status: " in machine.install[-2]


def test_the_unit_is_what_systemd_sees_and_nothing_complains(running):
    assert running.shell("systemd-analyze security --threshold=12 --no-pager streamdetect")
    assert not running.shell("systemctl --failed --quiet").strip()
    # cpuinfo: ONNX Runtime cannot tell the CPU's features where /proc is cut down too far
    journal = running.shell(f"journalctl -o cat _SYSTEMD_INVOCATION_ID=$({INVOCATION})")
    assert not re.search("cpuinfo|telemetry|warning|error|denied", journal, re.IGNORECASE), journal


def test_it_can_do_nothing_but_its_work(running):
    pid = running.show("MainPID")
    status = running.shell(f"cat /proc/{pid}/status")
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert not re.search(r"^Uid:\t0\t", status, re.MULTILINE)
    root = f"/proc/{pid}/root"
    assert "Read-only file system" in running.shell(f"touch {root}/etc/streamdetect/x", ok=False)
    assert running.shell("stat -c '%a %U' /run/credentials/streamdetect.service/mqtt-password").startswith(
        "4"
    )
    assert running.shell("stat -c %a /var/lib/private/streamdetect").strip() == "700"


def test_a_valid_configuration_is_taken_on_and_another_is_refused(running):
    before = running.shell(INVOCATION)
    configuration = "/etc/streamdetect/config.yaml"
    running.shell(
        f"cp {configuration} /root/valid.yaml; sed -i 's/name: plant/name: boilers/' {configuration}"
    )
    running.shell("systemctl reload streamdetect")
    running.until(f"{METRICS} | grep -q 'streamdetect_sensors{{detector=\"boilers\"}}'")
    refused = f"{METRICS} | grep -q '^streamdetect_config_last_reload_successful 0.0'"
    running.shell(f"echo 'nonsense: true' >> {configuration}")
    assert "Job for streamdetect.service failed" in running.shell("systemctl reload streamdetect", ok=False)
    assert "streamdetect: nonsense: unknown key" in running.shell("journalctl -u streamdetect -n 20 -o cat")
    running.shell(f"! {refused}")
    running.shell("systemctl kill -s HUP streamdetect")  # past the check
    running.until(refused)
    running.until("systemctl status streamdetect | grep -q 'Status: .*, new configuration refused'")
    assert running.shell(INVOCATION) == before


def test_a_configuration_that_is_not_valid_is_not_tried_again(running):
    running.shell("cd /etc/streamdetect; echo 'nonsense: true' >> config.yaml")
    running.shell("systemctl restart streamdetect || true")
    assert (running.show("ExecMainStatus"), running.show("NRestarts")) == ("78", "0")
    assert running.show("ActiveState") == "failed"


def test_a_crash_is_followed_by_a_start_and_the_state_is_there(running):
    before = running.shell(INVOCATION)
    running.shell("systemctl kill -s KILL streamdetect")
    restarted(running, before)
    running.until(KNOWN)


def test_the_watchdog_ends_a_daemon_that_hangs(running):
    running.shell("mkdir -p /etc/systemd/system/streamdetect.service.d")
    drop_in = "/etc/systemd/system/streamdetect.service.d/quick.conf"
    running.shell(f"printf '[Service]\\nWatchdogSec=3\\n' > {drop_in}; systemctl daemon-reload")
    running.shell("systemctl restart streamdetect")
    running.until(READY)
    before = running.shell(INVOCATION)
    running.shell("systemctl kill -s STOP streamdetect")
    restarted(running, before)
    assert "Watchdog timeout" in running.shell("journalctl -u streamdetect -n 50 -o cat")


def test_a_stop_is_orderly_and_in_time(running):
    running.shell("systemctl stop streamdetect")
    assert running.show("Result") == "success"
    journal = running.shell("journalctl -u streamdetect -n 20 -o cat")
    assert "0 messages and 0 events" in journal


def test_an_instance_beside_it(running):
    own = (
        "s/^mqtt:/metrics: {port: 9465}\\nmqtt:\\n  client_id: north/; s/detect.service/detect@north.service/"
    )
    running.shell(
        f"sed '{own}' /etc/streamdetect/config.yaml > /etc/streamdetect/north.yaml; cd /etc/credstore; "
        "cp streamdetect.mqtt-password streamdetect.north.mqtt-password; systemctl start streamdetect@north"
    )
    running.until("curl -sf http://localhost:9465/readyz")
    assert running.shell("ls /var/lib/private").split() == ["streamdetect", "streamdetect-north"]
    running.shell("systemctl stop streamdetect@north")


def test_the_backup_holds_the_state(running):
    for block in blocks("backup"):
        running.shell(block)
    assert "./state.db\n" in running.shell("tar -tzf /root/streamdetect-state.tar.gz")
    running.until(KNOWN)


def test_upgrade_and_rollback(running):
    for kind, version in (("upgrade", "0.2.0"), ("rollback", "0.1.0")):
        for block in blocks(kind):
            running.shell(f"cd /usr/src/streamdetect\n{block}")
        running.until(READY)
        assert f"/opt/streamdetect-{version}/" in running.shell(f"cat /proc/{running.show('MainPID')}/maps")
        running.shell(KNOWN)
