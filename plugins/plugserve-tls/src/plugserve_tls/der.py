"""The one thing that has to be read of a certificate and that the standard library does not tell: by which hash it was
signed (RFC 5280, section 4.1.1.2), for the channel binding of RFC 5929."""

from __future__ import annotations

from typing import Final

__all__ = ["signature_hash"]

# RFC 8017 (appendix A.2.4), RFC 5758 (section 3), RFC 4055 (section 2.1).
_HASHES: Final = {
    "1.2.840.113549.1.1.4": "md5",
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_PSS: Final = "1.2.840.113549.1.1.10"
_PSS_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
}
_SEQUENCE: Final = 0x30
_IDENTIFIER: Final = 0x06


def signature_hash(certificate: bytes) -> str | None:
    """The name of the hash, as `hashlib` has it; None for a signature that has none of its own (Ed25519), and for what
    cannot be read.

    Parameters:
        certificate: in DER.
    """
    try:
        _, outer, _ = _element(certificate, 0)
        _, _, after = _element(outer, 0)  # tbsCertificate
        _, algorithm, _ = _element(outer, after)
        tag, identifier, after = _element(algorithm, 0)
        if tag != _IDENTIFIER:
            return None
        name = _dotted(identifier)
        if name != _PSS:
            return _HASHES.get(name)
        # RSASSA-PSS-params ::= SEQUENCE { [0] hashAlgorithm ... }; without it SHA-1 (RFC 4055, section 3.1).
        _, parameters, _ = _element(algorithm, after)
        tag, tagged, _ = _element(parameters, 0)
        if tag != 0xA0:
            return "sha1"
        _, hash_algorithm, _ = _element(tagged, 0)
        _, identifier, _ = _element(hash_algorithm, 0)
        return _PSS_HASHES.get(_dotted(identifier))
    except IndexError:
        return None


def _element(data: bytes, start: int) -> tuple[int, bytes, int]:
    """One element of DER: its tag, its content, and where the next begins."""
    tag, length, at = data[start], data[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    end = at + length
    if end > len(data):
        raise IndexError(end)
    return tag, data[at:end], end


def _dotted(identifier: bytes) -> str:
    numbers = [identifier[0] // 40, identifier[0] % 40]
    value = 0
    for byte in identifier[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))
