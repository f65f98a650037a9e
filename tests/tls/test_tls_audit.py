"""How the findings of others are judged; `make tls-audit` collects them."""

from __future__ import annotations

import audit
import pytest


@pytest.mark.parametrize("severity", ["MEDIUM", "HIGH", "CRITICAL", "FATAL"])
def test_a_finding_of_medium_weight_or_above_fails(severity: str) -> None:
    """As does one whose weight nobody knows."""
    findings = [{"id": "BEAST", "severity": severity, "finding": "VULNERABLE"}]
    assert len(audit.faults_of_testssl(findings)) == 1


@pytest.mark.parametrize("severity", ["OK", "INFO", "WARN", "LOW", "DEBUG"])
def test_a_light_finding_does_not(severity: str) -> None:
    """It is printed, and no more."""
    assert audit.faults_of_testssl([{"id": "HSTS", "severity": severity, "finding": "not offered"}]) == []


def test_what_only_the_throw_away_certificate_lacks_is_excused() -> None:
    """By name, and with a reason."""
    finding = {"id": "cert_revocation", "severity": "HIGH", "finding": "Neither CRL nor OCSP URI provided"}
    assert audit.faults_of_testssl([finding]) == []
    assert all(audit.ALLOWED.values())


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("    localhost:1: OK - Compliant.", 0),
        ("        * tls_curves: TLS curves {'X448', 'secp521r1'} are supported, but should be rejected.", 0),
        ("        * tls_curves: TLS curves {'X448', 'secp192r1'} are supported, but should be rejected.", 1),
        ("        * tls_versions: TLS versions {'TLSv1.1'} are supported, but should be rejected.", 1),
        ("Could not connect", 1),
    ],
)
def test_what_is_not_compliant_fails(line: str, faults: int) -> None:
    """But for the two curves that Python cannot switch off; and no result is none."""
    assert len(audit.faults_of_sslyze(f"COMPLIANCE AGAINST TLS CONFIGURATION\n{line}\n")) == faults
