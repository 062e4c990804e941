# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Draws an SVG chart of the server CPU per message in the short run's workloads, for light and dark pages."""

from xml.sax.saxutils import escape

import rules

WIDTH, LABELS, RIGHT = 860, 330, 60
BAR, GAP, HEAD = 13, 14, 82
SHOWN_MAX = 2.0  # longer bars are cut off, but their labels still show the value

TITLE = "Server CPU per message relative to hand-written io_uring (1.0); less is better"
LEGEND = (("coil", "coil"), ("epoll", "plain epoll"), ("asio", "best of Boost.Asio"))

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .faint { fill: #6e7781 }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .coil { fill: #0969da } .epoll { fill: #8c959f } .asio { fill: #d4a72c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #8d96a0 } .axis { stroke: #6e7681 }
    .coil { fill: #4493f8 } .epoll { fill: #6e7681 } .asio { fill: #bb8009 }
  }
"""


def bars_of(rounds, contenders, reference):
    """Returns the bars for coil, epoll and the best Asio variant, with their CPU relative to the reference."""
    bars = []
    for family, _ in LEGEND:
        ratios = [rules.paired_ratio(rounds, each.name, reference, rules.CPU)
                  for each in contenders if each.family == family]
        ratios = [each for each in ratios if each]
        if ratios:
            bars.append((family, min(ratios, key=lambda ratio: ratio.median)))
    return bars


def text(x, y, what, style="", anchor="start"):
    style = f' class="{style}"' if style else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(what)}</text>'


def bar(x, y, length, style, tip=""):
    tip = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="{BAR - 2}">{tip}</rect>'


def chart(workloads, results, reference, subtitle):
    groups = [(each.title, bars_of(results[each.name], each.contenders, reference))
              for each in workloads if each.quick and each.kind == "rate" and each.name in results]
    groups = [(title, bars) for title, bars in groups if bars]
    scale = (WIDTH - LABELS - RIGHT) / SHOWN_MAX
    parts = [text(12, 20, TITLE, "title"), text(12, 37, subtitle, "faint")]

    x = LABELS
    for family, label in LEGEND:
        parts += [bar(x, 50, BAR, family), text(x + BAR + 5, 60, label)]
        x += 40 + 7 * len(label)

    y = HEAD
    for title, bars in groups:
        parts.append(text(LABELS - 10, y + len(bars) * BAR / 2 + 3, title, anchor="end"))
        for family, ratio in bars:
            length = min(ratio.median, SHOWN_MAX) * scale
            parts.append(bar(LABELS, y, length, family, f"{dict(LEGEND)[family]}: {ratio}"))
            parts.append(text(LABELS + length + 5, y + 10, f"{ratio.median:.2f}", "faint"))
            y += BAR
        y += GAP
    one = LABELS + scale
    parts.append(f'<line class="axis" x1="{one:.1f}" y1="{HEAD - 5}" x2="{one:.1f}" y2="{y - GAP + 3}"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}">\n'
            f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n")
