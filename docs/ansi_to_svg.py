"""Turns a captured terminal (text with ANSI colours, on standard input) into an SVG on a dark ground.

Usage: tmux capture-pane -p -e | python3 ansi_to_svg.py COLUMNS ROWS > picture.svg
Every run of one style is a text of its own, stretched to its cells, so that the grid holds in any monospace font.
"""
import re
import sys
from html import escape

CELL_WIDTH, CELL_HEIGHT, PADDING, BAR = 8.4, 19, 16, 34
GROUND, TEXT = "#0d1117", "#d5dbe3"
COLOURS = {30: "#484f58", 31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#56d4dd", 37: TEXT}


def runs(line):
    """Yields (column, text, colour, bold, dim) for each run of one style."""
    colour, bold, dim, column = TEXT, False, False, 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not piece.startswith("\x1b"):
            if piece:
                yield column, piece, colour, bold, dim
            column += len(piece)
            continue
        for code in [int(c or 0) for c in piece[2:-1].split(";")]:
            if code == 0:
                colour, bold, dim = TEXT, False, False
            elif code == 1:
                bold = True
            elif code == 2:
                dim = True
            elif code == 22:
                bold = dim = False
            elif code == 39:
                colour = TEXT
            elif code in COLOURS:
                colour = COLOURS[code]


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    lines = sys.stdin.read().split("\n")[:rows]
    width, height = columns * CELL_WIDTH + 2 * PADDING, rows * CELL_HEIGHT + BAR + PADDING
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img"'
          ' aria-label="ssb-conn start: bench, connections and address book, live">')
    print('  <title>ssb-conn start --neighbours 9</title>')
    print(f'  <rect width="{width:g}" height="{height:g}" rx="9" fill="{GROUND}"/>')
    for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        print(f'  <circle cx="{PADDING + 6 + i * 19}" cy="18" r="5.5" fill="{colour}"/>')
    print('  <g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14" xml:space="preserve">')
    for row, line in enumerate(lines):
        y = BAR + row * CELL_HEIGHT + 14
        for column, text, colour, bold, dim in runs(line.rstrip()):
            shift = len(text) - len(text.lstrip(" "))
            text = text.strip(" ")
            if not text:
                continue
            style = ' font-weight="bold"' * bold + ' opacity="0.55"' * dim
            x = PADDING + (column + shift) * CELL_WIDTH
            print(f'    <text x="{x:g}" y="{y}" fill="{colour}"{style} textLength="{len(text) * CELL_WIDTH:g}"'
                  f' lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
    print("  </g>\n</svg>")


main()
