"""Which transfer syntaxes can be turned into which (PS3.5 10, A.4)."""

__all__ = ["NATIVE", "can_become_native"]

NATIVE = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
)
"""Pixels as they are; in the order in which one is chosen where a peer takes several."""

_LOSSLESS = frozenset(
    {
        "1.2.840.10008.1.2.5",  # RLE
        "1.2.840.10008.1.2.4.57",  # JPEG lossless, process 14
        "1.2.840.10008.1.2.4.70",  # JPEG lossless, process 14, first-order prediction
        "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
        "1.2.840.10008.1.2.4.90",  # JPEG 2000, lossless only
        "1.2.840.10008.1.2.4.201",  # High-throughput JPEG 2000, lossless only
        "1.2.840.10008.1.2.4.202",  # the same with RPCL options
    }
)
"""Whoever decodes these gets the pixels that were encoded, to the bit."""


def can_become_native(transfer_syntax_uid: str) -> bool:
    """Whether nothing is lost, and nothing left to a decoder's taste, in making it native.

    What may have been compressed with loss is left as it is: decoders of it differ.
    """
    return transfer_syntax_uid in _LOSSLESS or transfer_syntax_uid in NATIVE
