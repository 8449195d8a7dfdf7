"""Image, compose file and Kubernetes manifests, as far as schemas and our own parts can tell."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pytest
import yaml

from streamdetect import config

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
KUBERNETES = ROOT / "deploy" / "kubernetes"
# The oldest and the newest schemas that kubernetes-validate has
VERSIONS = ("1.25.0", "1.37.0")
CUSTOM = {"PodMonitor"}  # no schema at hand
UNIT = (ROOT / "deploy/systemd/streamdetect.service").read_text()


def manifests():
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(KUBERNETES.glob("*.yaml"))}


def container():
    return manifests()["statefulset.yaml"]["spec"]["template"]["spec"]["containers"][0]


def test_compose_schema(need_package):
    need_package("compose_spec")
    from compose_spec import PyCompose  # noqa: PLC0415 - may be missing

    PyCompose.from_yaml((CONTAINER / "compose.yaml").read_text()).validate()


def test_compose_refers_to_what_there_is():
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (CONTAINER / source).exists() if source.startswith(".") else source in compose["volumes"]
        depends = service.get("depends_on", [])
        assert set(depends) <= set(compose["services"])
    build = compose["services"]["streamdetect"]["build"]
    assert (CONTAINER / build["context"] / build["dockerfile"]).is_file()


def test_the_image_is_built_from_files_that_it_is_given():
    dockerfile = (CONTAINER / "Dockerfile").read_text()
    given = {
        line[1:]
        for line in (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
        if line[0] == "!"
    }
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == given
    assert all((ROOT / name).exists() for name in given)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any("tensorflow" in dependency for dependency in project["dependencies"])


@pytest.mark.parametrize(
    "text",
    [(CONTAINER / "config.yaml").read_text(), manifests()["configmap.yaml"]["data"]["config.yaml"]],
    ids=["compose", "kubernetes"],
)
def test_configurations_are_valid_and_let_prometheus_in(text):
    settings = config.parse(text)
    assert settings.metrics.host == "0.0.0.0"  # noqa: S104 - in a container
    assert settings.metrics.port == 9464


def test_compose_listens_to_the_plant_as_the_demo_does():
    from streamdetect.demo import settings  # noqa: PLC0415 - part of this test only

    ours, demo = config.parse((CONTAINER / "config.yaml").read_text()), config.parse(settings.text())
    for name in ("topics", "templates", "sensor", "payload"):
        assert getattr(ours.detectors[0], name) == getattr(demo.detectors[0], name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [name for name, one in manifests().items() if one["kind"] not in CUSTOM])
def test_kubernetes_schema(need_package, name, version):
    need_package("kubernetes_validate")
    import kubernetes_validate  # noqa: PLC0415 - may be missing

    kubernetes_validate.validate(manifests()[name], version, strict=True)


def test_kubernetes_parts_find_each_other():
    found = manifests()
    pod = found["statefulset.yaml"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    selectors = [
        found["statefulset.yaml"]["spec"]["selector"]["matchLabels"],
        found["service.yaml"]["spec"]["selector"],
        found["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"],
        found["podmonitor.yaml"]["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    settings = config.parse(found["configmap.yaml"]["data"]["config.yaml"])
    assert ports == {"metrics": settings.metrics.port}
    assert found["podmonitor.yaml"]["spec"]["podMetricsEndpoints"][0]["port"] in ports
    assert {volume["name"] for volume in container()["volumeMounts"]} == {
        *(volume["name"] for volume in pod["spec"]["volumes"]),
        *(claim["metadata"]["name"] for claim in found["statefulset.yaml"]["spec"]["volumeClaimTemplates"]),
    }
    mounted = {volume["name"]: volume["mountPath"] for volume in container()["volumeMounts"]}
    secrets = found["secret.example.yaml"]["stringData"]
    assert {settings.mqtt.password_file, settings.mqtt.tls.ca_file} == {
        f"{mounted['secrets']}/{name}" for name in secrets
    }
    assert labels[found["podmonitor.yaml"]["spec"]["jobLabel"]] == "streamdetect"


def test_secrets_are_closed_to_others_as_the_daemon_wants_them():
    volumes = manifests()["statefulset.yaml"]["spec"]["template"]["spec"]["volumes"]
    mode = next(volume["secret"]["defaultMode"] for volume in volumes if volume["name"] == "secrets")
    assert not mode & stat.S_IRWXO


def test_it_has_the_time_to_stop_and_the_memory_that_the_service_file_gives_it():
    deadline = config.Config.defaults().shutdown.deadline
    grace = int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[1])
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]["streamdetect"]
    pod = manifests()["statefulset.yaml"]["spec"]["template"]["spec"]
    assert deadline + 10 <= grace == pod["terminationGracePeriodSeconds"]
    assert compose["stop_grace_period"] == f"{grace}s"
    memory = re.search(r"^MemoryMax=(\d+)G$", UNIT, re.MULTILINE)[1]
    assert compose["mem_limit"] == f"{memory}g"
    assert container()["resources"]["limits"]["memory"] == f"{memory}Gi"
