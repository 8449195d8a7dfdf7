#!/usr/bin/env bash
# Every check that a change has to pass, on a machine that has Python 3.11 or newer and nothing else.
#
#   bash tests/run.sh [ARGUMENTS OF PYTEST]
#
# Missing Debian packages are installed, by apt-get as root or with sudo. Python packages go into a virtual
# environment, VENV or .venv-test, which is made once and brought up to date when pyproject.toml changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/install.sh
. tests/install.sh

report=() # a line for each step
failed=0

# What the tests run, and the Debian packages that have it. A chart's ticks depend on how wide letters are.
declare -A tools=(
    [chromedriver]=chromium-driver
    [chromium]="chromium fonts-liberation"
    [mosquitto]=mosquitto
    [mosquitto_sub]=mosquitto-clients
    [nats-server]=nats-server
    [openssl]=openssl
    [promtool]=prometheus
)

main() {
    step "Debian packages" install_tools
    [[ $failed -eq 0 ]] && step "Python packages" install_python
    if [[ $failed -eq 0 ]]; then
        step "Node packages" install_node
        step "ruff check" "$venv/bin/ruff" check
        step "ruff format" "$venv/bin/ruff" format --check
        step "mypy" "$venv/bin/mypy"
        step "audit" "$venv/bin/python" tests/audit.py
        step "pytest" "$venv/bin/pytest" "$@"
    fi
    printf '%s\n' "${report[@]}"
    return "$failed"
}

# step NAME COMMAND...: run it, and note how it went and how long it took; a failure does not end the others.
step() {
    local name=$1 began=$SECONDS result=passed
    shift
    printf '\n== %s\n' "$name"
    if ! "$@"; then
        result=FAILED
        failed=1
    fi
    report+=("$(printf '%-16s %s in %d s' "$name" "$result" $((SECONDS - began)))")
}

install_tools() {
    local tool packages missing=()
    for tool in "${!tools[@]}"; do
        read -ra packages <<< "${tools[$tool]}"
        command -v "$tool" > /dev/null || missing+=("${packages[@]}")
    done
    mapfile -t -O "${#missing[@]}" missing < <(venv_package)
    install_packages "${missing[@]}"
}

install_python() {
    local wanted
    make_venv || return
    wanted=$(pwd && "$python" --version && sha256sum pyproject.toml)
    if [[ $(cat "$venv/installed" 2> /dev/null) == "$wanted" ]]; then
        echo "$venv is up to date"
        return
    fi
    install_extras plot,test,train || return
    # The oracle of Sparkplug B. Its client wants paho-mqtt below 2, and no test uses that.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps pysparkplug==0.6.1 || return
    echo "$wanted" > "$venv/installed"
}

# What checks the page's scripts; where it cannot be had, those tests are skipped and say so.
install_node() {
    if ! command -v npm > /dev/null; then
        echo "no npm"
        return
    fi
    npm ci --prefix tests/page --silent --no-audit --no-fund || echo "npm has no packages for us"
}

main "$@"
