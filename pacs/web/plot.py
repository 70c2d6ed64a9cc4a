"""Plots as SVG, made here: no script, no style attribute, so that any page policy shows them."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 960, 220, 52, 24, 10
_MOST_LABELS = 10


def stacked_bars(bars: Sequence[tuple[str, Mapping[str, int]]], parts: Sequence[str], title: str) -> Markup:
    """A bar for each label, of parts from the bottom up; a part's name is its CSS class too. `title` is for readers."""
    highest = _round_up(max((sum(counts.values()) for _label, counts in bars), default=0))
    drawn = [Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, _HEIGHT, title)]
    drawn += [_line(highest, part) for part in (0, highest // 2, highest)]
    step = (_WIDTH - _LEFT) / max(len(bars), 1)
    every = -(-len(bars) // _MOST_LABELS)
    for number, (label, counts) in enumerate(bars):
        left = _LEFT + number * step
        drawn.append(_bar(left, step, label, {part: counts[part] for part in parts if counts.get(part)}, highest))
        if (len(bars) - 1 - number) % every == 0:
            place = min(left + step / 2, _WIDTH - 34)
            drawn.append(
                Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    max(place, _LEFT + 30), _HEIGHT - 6, label
                )
            )
    return Markup("").join([*drawn, Markup("</svg>")])


def _bar(left: float, step: float, label: str, counts: Mapping[str, int], highest: int) -> Markup:
    base = float(_HEIGHT - _BOTTOM)
    said = ", ".join(f"{count} {part}" for part, count in counts.items())
    pieces = [Markup("<g><title>{}: {}</title>").format(label, said or "nothing")]
    for part, count in counts.items():
        height = max(count / highest * (_HEIGHT - _BOTTOM - _TOP), 1.0)
        base -= height
        pieces.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                escape(part.replace(" ", "-")), left + step * 0.12, base, min(step * 0.76, 60), height
            )
        )
    return Markup("").join([*pieces, Markup("</g>")])


def _line(highest: int, value: int) -> Markup:
    y = _HEIGHT - _BOTTOM - value / highest * (_HEIGHT - _BOTTOM - _TOP)
    return Markup(
        '<line class="grid" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>'
        '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(_LEFT, y, _WIDTH, y, _LEFT - 8, y + 4, f"{value:,}")


def _round_up(value: int) -> int:
    """An even number at the top of the axis, not below the value."""
    unit = 2
    while unit * 10 < value:
        unit *= 10
    return max(-(-value // unit) * unit, 2)


def lying_bars(rows: Sequence[tuple[str, int]], title: str) -> Markup:
    """A bar to the right for each name, with its count, in the order given."""
    height = 24 * len(rows) + 4
    highest = max((count for _name, count in rows), default=1) or 1
    drawn = [Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, height, title)]
    for number, (name, count) in enumerate(rows):
        width = max(count / highest * 440, 1.5)
        drawn.append(
            Markup(
                '<text x="400" y="{0}" text-anchor="end">{1}</text><rect x="412" y="{2}" width="{3:.1f}" height="16"/>'
                '<text class="tick" x="{4:.1f}" y="{0}">{5:,}</text>'
            ).format(24 * number + 17, _short(name), 24 * number + 4, width, 420 + width, count)
        )
    return Markup("").join([*drawn, Markup("</svg>")])


def _short(name: str) -> str:
    return name if len(name) <= 56 else f"{name[:55]}…"
