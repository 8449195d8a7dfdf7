#!/usr/bin/env bash
# Every check that a change has to pass, on a machine that has Python 3.11 or newer and nothing else.
#
#   bash tests/run.sh [ARGUMENTS OF PYTEST]
#
# Missing Debian packages are installed, by apt-get as root or with sudo. Python packages go into a virtual
# environment, VENV or .venv-test, which is made once and brought up to date when pyproject.toml changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${VENV:-.venv-test}
python=${PYTHON:-python3}
report=() # a line for each step
failed=0

# What the tests run, and the Debian package that has it.
declare -A tools=(
    [mosquitto]=mosquitto
    [mosquitto_sub]=mosquitto-clients
    [openssl]=openssl
    [promtool]=prometheus
)

main() {
    export PATH="$PATH:/usr/sbin:/sbin" # Debian has mosquitto there, which is not on everybody's path
    step "Debian packages" install_tools
    [[ $failed -eq 0 ]] && step "Python packages" install_python
    if [[ $failed -eq 0 ]]; then
        step "ruff check" "$venv/bin/ruff" check
        step "ruff format" "$venv/bin/ruff" format --check
        step "mypy" "$venv/bin/mypy"
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
    local tool missing=()
    for tool in "${!tools[@]}"; do
        command -v "$tool" > /dev/null || missing+=("${tools[$tool]}")
    done
    # Debian keeps what a virtual environment needs out of python3 itself.
    if [[ ! -x $venv/bin/python ]] && ! "$python" -c 'import ensurepip' 2> /dev/null; then
        missing+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    fi
    if [[ ${#missing[@]} -eq 0 ]]; then
        echo "nothing is missing"
        return
    fi
    local as_root=()
    if [[ $EUID -ne 0 ]]; then
        as_root=(sudo)
    fi
    if ! command -v apt-get > /dev/null || { [[ $EUID -ne 0 ]] && ! command -v sudo > /dev/null; }; then
        echo "please install, by hand: ${missing[*]} (here is no apt-get, or neither root nor sudo)" >&2
        return 1
    fi
    "${as_root[@]}" bash -euc "$install_debian" install "${missing[@]}"
}

# Run as root. Broker and Prometheus come as services; policy-rc.d is how Debian is told not to start them.
# shellcheck disable=SC2016 # expanded by the shell that runs it
install_debian='
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap "rm -f $policy" EXIT
        printf "#!/bin/sh\nexit 101\n" > "$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -qy --no-install-recommends "$@"
'

install_python() {
    local wanted
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "$("$python" --version) is too old, 3.11 is needed; PYTHON=... names another one" >&2
        return 1
    fi
    wanted=$(pwd && "$python" --version && sha256sum pyproject.toml)
    if [[ ! -x $venv/bin/python ]]; then
        "$python" -m venv "$venv" || return
    fi
    if [[ $(cat "$venv/installed" 2> /dev/null) == "$wanted" ]]; then
        echo "$venv is up to date"
        return
    fi
    "$venv/bin/pip" install --quiet --disable-pip-version-check --editable '.[plot,test,train]' || return
    echo "$wanted" > "$venv/installed"
}

main "$@"
