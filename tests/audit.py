"""Asks the vulnerability database of PyPI about what is installed here: `python tests/audit.py`.

Needs `pip install pip-audit`. Where nothing can be asked it says so and is content.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

_PROBE = "https://pypi.org/pypi/numpy/json"
_TIMEOUT = 5  # s
_COMMAND = ("-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off", "--format", "json")


def main() -> int:
    """Print what is known of the packages beside this interpreter.

    Returns:
        1 if one of them has a known vulnerability.
    """
    if problem := _unreachable():
        _say(f"not audited, the vulnerability database cannot be reached: {problem}")
        return 0
    done = subprocess.run([sys.executable, *_COMMAND], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        _say(f"not audited: {done.stderr.strip()}")
        return 0
    found = [(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "nowhere yet"
        _say(f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
    audited = sum("skip_reason" not in package for package in packages)
    if not audited:
        _say(f"not audited, the index that is reached here knows none of {len(packages)} packages")
    else:
        _say(f"{audited} of {len(packages)} packages audited, {len(found)} vulnerabilities")
    return int(bool(found))


def _unreachable() -> str:
    """Say what stands between us and the database; empty if nothing does."""
    try:
        with urllib.request.urlopen(_PROBE, timeout=_TIMEOUT) as answer:
            return "" if "vulnerabilities" in json.load(answer) else "this index does not have it"
    except (OSError, ValueError) as error:
        return str(error)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    sys.exit(main())
