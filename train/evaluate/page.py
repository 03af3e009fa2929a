"""A page that needs nothing but itself: its style, its tables, its light box."""

from collections.abc import Sequence
from html import escape
from math import inf

from train.evaluate.pictures import Case, View, encoded

__all__ = ["banner", "light_box", "page", "picture", "section", "table"]

_STYLE = """
:root { --ink: #1c2321; --soft: #5a6560; --line: #d8dedb; --paper: #fbfcfb; --good: #0b6e4f;
  --bad: #a4243b; --even: #7a6a2f; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 24px 80px; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", sans-serif; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 21px; margin: 44px 0 6px; border-top: 1px solid var(--line); padding-top: 20px; }
h3 { font-size: 16px; margin: 22px 0 6px; }
p { margin: 6px 0 12px; max-width: 78ch; }
.soft { color: var(--soft); }
.banner { background: #fff3cd; border-left: 6px solid #e0a800; padding: 12px 16px; margin: 18px 0;
  font-weight: 600; max-width: none; }
.cards { display: flex; flex-wrap: wrap; gap: 14px; margin: 18px 0; padding: 0; list-style: none; }
.cards li { flex: 1 1 240px; border: 1px solid var(--line); border-radius: 10px; background: #fff;
  padding: 14px 16px; }
.cards b { display: block; font-size: 28px; line-height: 1.15; }
.cards .good b { color: var(--good); } .cards .bad b { color: var(--bad); }
.cards .even b { color: var(--even); }
.chart { display: block; max-width: 100%; margin: 8px 0; }
.pair { display: flex; flex-wrap: wrap; gap: 20px; align-items: flex-start; }
.box { background: #111514; color: #e9efec; border-radius: 10px; padding: 14px; margin: 12px 0 24px;
  overflow-x: auto; }
.box h3 { margin: 0 0 8px; font-weight: 600; }
.row { display: flex; gap: 8px; margin-bottom: 8px; align-items: flex-start; }
.row figure { margin: 0; flex: none; }
.row figcaption { font-size: 13px; color: #b9c5c0; margin-bottom: 3px;
  overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.row img { display: block; background: #000; }
.swap { position: relative; cursor: crosshair; width: fit-content; }
.swap img + img { position: absolute; inset: 0; opacity: 0; }
.swap:hover img + img { opacity: 1; }
.lines { padding: 0; list-style: none; } .lines li { padding: 5px 0;
  border-bottom: 1px solid var(--line); } .lines b { display: inline-block; width: 4.2em; }
.lines i { display: inline-block; width: 13em; font-style: normal; color: var(--soft); }
.lines .good b { color: var(--good); } .lines .bad b { color: var(--bad); }
table { border-collapse: collapse; font-size: 14px; margin: 10px 0 18px; background: #fff; }
th, td { border: 1px solid var(--line); padding: 5px 10px; text-align: right;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } thead th { background: #eef3f0; }
details summary { cursor: pointer; font-weight: 600; margin: 10px 0; }
code { font-size: 13px; overflow-wrap: anywhere; }
@media print { .box, .cards li { break-inside: avoid; } body { max-width: none; } }
"""
_WIDEST = 1120


def page(title: str, parts: Sequence[str]) -> str:
    """Return a whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """Return a part under a heading; nothing where all parts are empty."""
    if not any(parts):
        return ""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def banner(text: str) -> str:
    """Return what must not be overlooked."""
    return f'<p class="banner">{escape(text)}</p>'


def picture(data: str, said: str) -> str:
    """Return a chart; ``said`` tells those who cannot see it what it shows."""
    return f'<img class="chart" src="{data}" alt="{escape(said, quote=True)}">'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column names the row."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def light_box(case: Case) -> str:
    """Return a case in three planes, on black; under the pointer a result turns into the truth."""
    scale = min(_fitting(view) for view in case.views)
    column = round(scale * max(view.size_mm[1] for view in case.views))
    rows = "".join(
        _row(view, scale, column, head=index == 0) for index, view in enumerate(case.views)
    )
    return f'<div class="box"><h3>{escape(case.title)}</h3>{rows}</div>'


def _fitting(view: View) -> float:
    """Return the pixels per millimetre that let the images of a row fit the page."""
    count = max(len(view.images), 1)
    free = _WIDEST - 8 * (count - 1) - 28
    wide = view.size_mm[1] * count
    return min(free / wide if wide else inf, 250 / max(view.size_mm[0], 1e-6))


def _row(view: View, scale: float, column: int, *, head: bool) -> str:
    high, wide = (round(one * scale) for one in view.size_mm)
    size = f'width="{wide}" height="{high}"'
    truth = view.images.get("truth")
    figures = []
    for name, image in view.images.items():
        said = escape(f"{name}, {view.plane}", quote=True)
        shown = f'<img src="{encoded(image)}" {size} alt="{said}">'
        if truth is not None and name == "this model":
            shown = f'<div class="swap">{shown}<img src="{encoded(truth)}" {size} alt=""></div>'
        caption = f"<figcaption>{escape(name)}</figcaption>" if head else ""
        figures.append(f'<figure style="width:{column}px">{caption}{shown}</figure>')
    return f'<div class="row">{"".join(figures)}</div>'
