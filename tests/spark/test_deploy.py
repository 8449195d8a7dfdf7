"""NATS, Mosquitto, systemd, the Spark operator and streamdetect can read the files of deploy/spark."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from cluster.machines import BRIDGE

from streamdetect.config import parse
from streamdetect.spark.refusals import refuse

FOLDER = Path(__file__).parents[2] / "deploy" / "spark"


def needs(command):
    if shutil.which(command) is None:
        pytest.skip(f"no {command} here")


def test_the_manifest_is_one_of_the_operator():
    schema = json.loads((Path(__file__).parent / "spark_application.json").read_text())
    manifest = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text())
    jsonschema.validate(manifest, schema)
    volumes = {one["name"] for one in manifest["spec"]["volumes"]}
    for part in ("driver", "executor"):
        assert {one["name"] for one in manifest["spec"][part]["volumeMounts"]} <= volumes


def test_a_manifest_that_is_none_would_be_noticed():
    schema = json.loads((Path(__file__).parent / "spark_application.json").read_text())
    manifest = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text())
    manifest["spec"]["driver"]["core"] = 1
    with pytest.raises(jsonschema.ValidationError, match="'core' was unexpected"):
        jsonschema.validate(manifest, schema)


def test_nats_reads_its_configuration(tmp_path):
    needs("nats-server")
    text = (FOLDER / "nats.conf").read_text()
    assert re.search(r"^  sync_interval: always$", text, re.MULTILINE)
    said = subprocess.run(["nats-server", "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    if version < (2, 10):
        text = text.replace("sync_interval: always", "")
    path = tmp_path / "nats.conf"
    path.write_text(text.replace("/var/lib/nats", str(tmp_path)))
    subprocess.run(["nats-server", "-c", str(path), "-t"], check=True, capture_output=True)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.service")), ids=lambda path: path.name)
def test_units_say_what_systemd_knows(path):
    sections = re.split(r"^\[(\w+)\]$", path.read_text(), flags=re.MULTILINE)[1:]
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    assert list(found) == ["Unit", "Service", "Install"]
    known = {
        "Environment",
        "EnvironmentFile",
        "ExecStart",
        "Restart",
        "RestartPreventExitStatus",
        "RestartSec",
    }
    known |= {"StateDirectory", "TimeoutStopSec", "User", "WorkingDirectory"}
    assert set(re.findall(r"^(\w+)=", found["Service"], re.MULTILINE)) <= known


def test_the_configuration_of_the_page_can_be_served():
    (block,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    refuse(parse(re.sub(r"^   ", "", block, flags=re.MULTILINE)))


def test_the_page_names_every_file():
    text = (FOLDER / "README.md").read_text()
    for path in FOLDER.iterdir():
        name = path.name.replace("streamdetect-spark-worker", "-worker")
        assert path.name == "README.md" or f"`{name}`" in text, path.name


def test_the_bridge_is_what_the_scenario_runs():
    shipped = {line for line in (FOLDER / "mosquitto-bridge.conf").read_text().splitlines() if line}
    assert {line for line in BRIDGE.splitlines() if not line.startswith("address")} <= shipped
