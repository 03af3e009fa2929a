"""Which certificate is the one that was meant."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.tls import Certificate
from dicom_node.tls.certificate import fingerprint, names_fingerprint

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DECODED = {
    "subject": ((("countryName", "NL"),), (("commonName", "MR-1"),)),
    "subjectAltName": (("DNS", "mr1.ward.org"), ("IP Address", "10.0.0.7"), ("DNS", "mr1")),
    "notBefore": "Mar  1 12:00:00 2026 GMT",
    "notAfter": "Mar 14 12:00:00 2026 GMT",
}
PRINT = hashlib.sha256(b"the bytes").hexdigest()
COLONS = ":".join(PRINT[at : at + 2].upper() for at in range(0, 64, 2))


@pytest.fixture
def certificate() -> Certificate:
    return Certificate.of(DECODED, b"the bytes")


def test_it_bears_the_common_name_and_the_dns_names(certificate):
    assert certificate.names == ("MR-1", "mr1.ward.org", "mr1")
    assert certificate.name == "MR-1"


def test_its_days_are_counted_from_now(certificate):
    assert certificate.days_left(NOON) == 10
    assert certificate.days_left(NOON + timedelta(days=11)) == -1
    assert certificate.starts_at == NOON - timedelta(days=3)


@pytest.mark.parametrize(
    "wanted",
    ["MR-1", "mr-1", " MR-1 ", "MR1.ward.ORG", PRINT, PRINT.upper(), COLONS, f"sha256:{PRINT}",
     f"SHA256 {COLONS}", f"sha-256:{COLONS}"],
)  # fmt: skip
def test_it_is_known_by_its_names_and_its_fingerprint(certificate, wanted):
    assert certificate.is_of(wanted)


@pytest.mark.parametrize(
    "wanted",
    ["", "MR", "MR-11", "NL", "10.0.0.7", "*", PRINT[:-1] + "0g", "0" * 64, f"MR-1 {PRINT}"],
)
def test_nothing_else_is_it(certificate, wanted):
    assert not certificate.is_of(wanted)


def test_a_name_that_looks_like_a_fingerprint_stands_for_none():
    """Who may choose the name on a certificate could otherwise take another's fingerprint."""
    decoded = {**DECODED, "subject": ((("commonName", PRINT),),)}
    assert not Certificate.of(decoded, b"other bytes").is_of(PRINT)


def test_a_certificate_whose_bytes_are_not_known_has_no_fingerprint():
    assert not Certificate.of(DECODED).is_of(PRINT)
    assert not Certificate.of({**DECODED, "subject": ()}).is_of("")


def test_the_fingerprint_is_the_one_that_openssl_prints(authority):
    import ssl

    pair = authority.issue("printed")
    encoded = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
    assert fingerprint(encoded) == pair.fingerprint.replace(":", "").lower()
    assert names_fingerprint(pair.fingerprint)
