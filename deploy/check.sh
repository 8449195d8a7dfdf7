#!/usr/bin/env bash
# Checks everything in deploy/ against the real parts, and ends with `deploy: N checks passed, M failed`.
#
#   bash deploy/check.sh [--quick] [ARGUMENTS OF PYTEST]
#
# Missing Debian packages are installed, by apt-get as root or with sudo; Python packages go into a virtual
# environment, VENV or .venv-test. As root it also boots a Debian with systemd of its own (systemd-nspawn) and
# follows the operations guide in it, which takes some minutes the first time; --quick leaves that out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${VENV:-.venv-test}
python=${PYTHON:-python3}
export PATH="$PATH:/usr/sbin:/sbin" # Debian has mosquitto there, which is not on everybody's path

# What the checks run, and the Debian package that has it
declare -A tools=(
    [amtool]=prometheus-alertmanager
    [debootstrap]=debootstrap
    [mosquitto]=mosquitto
    [mosquitto_sub]=mosquitto-clients
    [openssl]=openssl
    [prometheus]=prometheus
    [shellcheck]=shellcheck
    [systemd-analyze]=systemd
    [systemd-nspawn]=systemd-container
)

install_tools() {
    local tool missing=() sudo=()
    for tool in "${!tools[@]}"; do
        command -v "$tool" > /dev/null || missing+=("${tools[$tool]}")
    done
    if [[ ! -x $venv/bin/python ]] && ! "$python" -c 'import ensurepip' 2> /dev/null; then
        missing+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    fi
    [[ ${#missing[@]} -gt 0 ]] || return 0
    [[ $EUID -eq 0 ]] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    # Their services are not wanted, only the programs
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

install_python() {
    [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[test]' -r deploy/requirements.txt
}

# count RESULTS: the last line, from the results as pytest wrote them; fails when a check did.
count() {
    "$venv/bin/python" - "$1" << 'END'
import sys
from xml.etree import ElementTree

cases = list(ElementTree.parse(sys.argv[1]).iter("testcase"))
failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
skipped = [case for case in cases if case.find("skipped") is not None]
for case in skipped:
    print(f"not checked: {case.get('name')}: {case.find('skipped').get('message')}")
print(f"deploy: {len(cases) - len(failed) - len(skipped)} checks passed, {len(failed)} failed")
sys.exit(bool(failed) or not cases)
END
}

arguments=()
if [[ ${1:-} == --quick ]]; then
    arguments+=(--ignore=tests/deploy/test_machine.py)
    shift
fi
results=$(mktemp --suffix=.xml)
trap 'rm -f "$results"' EXIT

install_tools
install_python
STREAMDETECT_DEPLOY_CHECK=1 "$venv/bin/python" -m pytest tests/deploy -v --junitxml="$results" \
    "${arguments[@]}" "$@" || true
count "$results"
