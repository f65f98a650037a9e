"""What sslyze and testssl.sh find in a server of this project: `make tls-audit`.

The server is one that a user gets: `http-files` behind `tls` with nothing but a certificate and its key. It passes if
sslyze finds it compliant with Mozilla's intermediate profile, and testssl.sh nothing of medium weight or above, but for
what `ALLOWED` excuses.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

WEIGHTS: Final = {
    name: weight for weight, name in enumerate(("OK", "INFO", "WARN", "LOW", "MEDIUM", "HIGH", "CRITICAL"))
}
"""What testssl.sh calls its findings, in rising weight."""

ALLOWED: Final[Mapping[str, str]] = {
    "cert_revocation": "the authority of this test has no list of what it revoked, nor a responder",
    "tls_curves": "Python's ssl can name one curve or none; without, OpenSSL has X448 and secp521r1, too: no weak ones",
}
"""Findings that say nothing of the server, and why."""


def faults_of_testssl(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What testssl.sh found that must not be.

    Parameters:
        findings: as it writes them with `--jsonfile`: each has `id`, `severity` and `finding`.

    Returns: a line for each of medium weight or above that is not allowed, and for each whose weight nobody knows. What
        could not be tried (`WARN`) is printed, and no fault.
    """
    found = []
    for each in findings:
        name, severity, words = str(each["id"]), str(each["severity"]), str(each["finding"])
        weight = WEIGHTS.get(severity)
        if weight is None and severity != "DEBUG":
            found.append(f"{name}: a weight that nobody knows, {severity}: {words}")
        elif weight is not None and weight >= WEIGHTS["MEDIUM"] and name.split(" ")[0] not in ALLOWED:
            found.append(f"{name}: {severity}: {words}")
    return found


def faults_of_sslyze(printed: str) -> list[str]:
    """What sslyze calls not compliant that must not be.

    Parameters:
        printed: its whole output.

    Returns: a line for each that is not allowed, and one if it has not come to an end.
    """
    found = [line.strip()[2:] for line in printed.splitlines() if line.startswith("        * ")]
    if "OK - Compliant" not in printed and not found:
        return ["sslyze has come to no result"]
    return [fault for fault in found if not _is_excused(fault)]


def _is_excused(fault: str) -> bool:
    name, _, words = fault.partition(": ")
    if name == "tls_curves":
        more = set(re.findall(r"'(\w+)'", words))
        return more <= {"X448", "secp521r1"} and words.endswith("are supported, but should be rejected.")
    return name in ALLOWED


def run_testssl(program: str, port: int, trusted: Path, folder: Path) -> list[dict[str, Any]]:
    """Run testssl.sh and return its findings. Errors: `SystemExit` if it wrote none."""
    report = folder / "testssl.json"
    subprocess.run(
        [program, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1"]
        + ["--add-ca", str(trusted), "--jsonfile", str(report), f"localhost:{port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=600,
    )
    findings: list[dict[str, Any]] = json.loads(report.read_text()) if report.exists() else []
    if len(findings) < 100:
        raise SystemExit(f"testssl.sh has not tried much: {len(findings)} findings")
    return findings


def run_sslyze(program: str, port: int, trusted: Path) -> str:
    """Run sslyze against Mozilla's intermediate profile: what it printed."""
    done = subprocess.run(
        [program, "--mozilla_config", "intermediate", "--certinfo_ca_file", str(trusted), f"localhost:{port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.stdout + done.stderr


def main() -> int:
    """Run both; returns the exit code."""
    from serving import Certificates, served

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", default="multiplexing")
    parser.add_argument("--keep", type=Path, help="a folder for the report of testssl.sh")
    given = parser.parse_args()
    testssl = shutil.which("testssl") or shutil.which("testssl.sh")
    if testssl is None:
        print("needs testssl.sh: install the package testssl.sh", file=sys.stderr)
        return 2
    sslyze = str(Path(sys.executable).with_name("sslyze"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates = Certificates(folder)
        handler = {"imports": "from plugserve_http import FilesHandler", "handler": "FilesHandler"}
        with served(given.engine, certificates, **handler) as port:
            printed = run_sslyze(sslyze, port, certificates.trusted)
            print(printed[printed.find("COMPLIANCE AGAINST") :].strip())
            findings = run_testssl(testssl, port, certificates.trusted, folder)
        if given.keep is not None:
            shutil.copy(folder / "testssl.json", given.keep)
    counted = {weight: sum(each["severity"] == weight for each in findings) for weight in WEIGHTS}
    print(f"testssl.sh: {', '.join(f'{count} {weight}' for weight, count in counted.items())}")
    for each in findings:
        if WEIGHTS.get(each["severity"], 0) >= WEIGHTS["WARN"]:
            print(f"  {each['severity']}: {each['id']}: {each['finding']}")
    for name, excuse in ALLOWED.items():
        print(f"allowed: {name}: {excuse}")
    faults = faults_of_sslyze(printed) + faults_of_testssl(findings)
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "nothing of medium weight or above")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
