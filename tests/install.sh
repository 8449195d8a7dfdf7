# shellcheck shell=bash
# Installs what is missing, for the run.sh of tests, faults and benchmarks, which source it.
#
# Debian packages come by apt-get as root or with sudo. Python packages go into a virtual environment, VENV or
# .venv-test, which is made with PYTHON, python3 by default.

venv=${VENV:-.venv-test}
python=${PYTHON:-python3}
export PATH="$PATH:/usr/sbin:/sbin" # Debian has mosquitto there, which is not on everybody's path

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

# install_packages PACKAGE...: of Debian, if any are named.
install_packages() {
    if [[ $# -eq 0 ]]; then
        echo "nothing is missing"
        return
    fi
    local as_root=()
    if [[ $EUID -ne 0 ]]; then
        as_root=(sudo)
    fi
    if ! command -v apt-get > /dev/null || { [[ $EUID -ne 0 ]] && ! command -v sudo > /dev/null; }; then
        echo "please install, by hand: $* (here is no apt-get, or neither root nor sudo)" >&2
        return 1
    fi
    "${as_root[@]}" bash -euc "$install_debian" install "$@"
}

# venv_package: the Debian package without which no virtual environment can be made here, if that is missing.
venv_package() {
    if [[ ! -x $venv/bin/python ]] && ! "$python" -c 'import ensurepip' 2> /dev/null; then
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

# make_venv: the virtual environment, if it is not there yet.
make_venv() {
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "$("$python" --version) is too old, 3.11 is needed; PYTHON=... names another one" >&2
        return 1
    fi
    if [[ ! -x $venv/bin/python ]]; then
        "$python" -m venv "$venv"
    fi
}

# install_extras EXTRAS: this checkout with these extras, into the virtual environment.
install_extras() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$1]"
}
