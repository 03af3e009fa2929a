"""Lines of text as a PDF: one font of fixed width, A4, the same bytes for the same lines.

The fonts are two of those that every reader of PDF has, so none is embedded. They write Western
European letters; :func:`is_printable` tells what else there is.

References
----------
ISO 32000-1, 7.5 (file structure), 9.6.2.2 (standard 14 fonts), Annex D (WinAnsiEncoding).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

__all__ = ["Line", "is_printable", "pdf_of"]

_WIDTH, _HEIGHT, _MARGIN = 595, 842, 50
"""A4, in points."""
_BODY, _HEADING = 9, 12
_LETTER = 0.6
"""Width of a letter of Courier, in sizes of the font."""
_LEADING = 1.35
_LAST = _HEIGHT - 2 * _MARGIN
_ENCODING = "cp1252"
"""What PDF calls WinAnsiEncoding."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, which is broken where it is too long; a heading is larger and bold."""

    text: str
    is_heading: bool = False

    @property
    def size(self) -> int:
        """The size of its letters in points."""
        return _HEADING if self.is_heading else _BODY


def is_printable(text: str) -> bool:
    """Whether the fonts have every letter of ``text``."""
    try:
        text.encode(_ENCODING)
    except UnicodeError:
        return False
    return True


def pdf_of(title: str, lines: Sequence[Line], foot: str) -> bytes:
    """Return a PDF of even length, as an encapsulated document has to be.

    Parameters
    ----------
    title : str
        Of the document, as readers show it.
    foot : str
        Below every page, before its number.

    Raises
    ------
    ValueError
        When a letter cannot be printed.
    """
    pages = list(_pages(lines))
    streams = [_stream(page, f"{foot} - page {number} of {len(pages)}")
               for number, page in enumerate(pages, 1)]  # fmt: skip
    kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _font("Courier"),
        _font("Courier-Bold"),
        b"<< /Title " + _string(title) + b" >>",
    ]
    for number, stream in enumerate(streams):
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents "
            f"{7 + 2 * number} 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        )
        objects += [
            page.encode(),
            f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream",
        ]
    return _file(objects)


def _pages(lines: Sequence[Line]) -> Iterator[list[Line]]:
    page: list[Line] = []
    used = 0.0
    for line in (part for one in lines for part in _broken(one)):
        if page and used + line.size * _LEADING > _LAST:
            yield page
            page, used = [], 0.0
        page.append(line)
        used += line.size * _LEADING
    yield page


def _broken(line: Line) -> list[Line]:
    """Return the lines that a line takes."""
    most = int((_WIDTH - 2 * _MARGIN) / (_LETTER * line.size))
    parts = wrap(line.text, most, subsequent_indent="  ", break_on_hyphens=False) or [""]
    return [Line(part, line.is_heading) for part in parts]


def _stream(lines: Sequence[Line], foot: str) -> bytes:
    """Return the operators that write a page."""
    drawn, y = [], float(_HEIGHT - _MARGIN)
    for line in lines:
        y -= line.size * _LEADING
        drawn.append(_text(line.text, "F2" if line.is_heading else "F1", line.size, y))
    drawn.append(_text(foot, "F2", _BODY, _MARGIN / 2))
    return b"\n".join(drawn)


def _text(text: str, font: str, size: int, y: float) -> bytes:
    start = f"BT /{font} {size} Tf {_MARGIN} {y:.2f} Td ".encode()
    return start + _string(text) + b" Tj ET"


def _string(text: str) -> bytes:
    content = text.encode(_ENCODING)
    for mark in (b"\\", b"(", b")"):
        content = content.replace(mark, b"\\" + mark)
    return b"(" + content + b")"


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
    )


def _file(objects: Sequence[bytes]) -> bytes:
    """Return objects with the table of where each one is; the first is the catalog."""
    content, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    table += "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\n"
        f"startxref\n{len(content)}\n%%EOF\n"
    )
    content += table.encode() + trailer.encode()
    return content + b"\n" * (len(content) % 2)
