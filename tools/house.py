"""Draw the rooms of the package and what they import, from the imports themselves, as an SVG file.

    python tools/house.py docs/images/house.svg
    python tools/house.py --check docs/images/house.svg      fails if the picture is not that of the code

Rooms are those of ``.importlinter``; each stands one floor above the highest room that it imports, and every arrow
points down to a room that is imported. An import that follows from two others is left out, so that the picture can be
read.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PACKAGE = "hybridmap"
FLOOR, BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 84, 130, 44, 40, 20
SHIMS = ("constraints", "hybrid", "losses", "metrics")
"""Modules that only repeat names of other rooms."""
Edges = dict[str, set[str]]


def read_rooms(path: Path) -> list[str]:
    """Rooms of the contract of layers in `path`, the highest first."""
    contract = configparser.ConfigParser()
    contract.read(path, encoding="utf-8")
    return contract["importlinter:contract:flow"]["layers"].replace("|", " ").replace(":", " ").split()


def imported_names(source: str) -> set[str]:
    """Modules of the package that a source text imports anywhere, functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith(PACKAGE + ".")}


def room_edges(package: Path, rooms: set[str]) -> Edges:
    """Room → other rooms that its modules import."""
    edges: Edges = {room: set() for room in sorted(rooms)}
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room in rooms:
            targets = {name.split(".")[1] for name in imported_names(path.read_text(encoding="utf-8"))}
            edges[room] |= (targets & rooms) - {room}
    return edges


def without_detours(edges: Edges) -> Edges:
    """Edges of an acyclic graph that do not follow from others (its transitive reduction)."""

    def reachable(room: str) -> set[str]:
        return edges[room] | {far for near in edges[room] for far in reachable(near)}

    return {room: {t for t in near if not any(t in reachable(o) for o in near - {t})} for room, near in edges.items()}


def floors_of(edges: Edges) -> list[list[str]]:
    """Rooms of every floor, the highest first, those of a floor in an order that few arrows cross."""

    def level(room: str) -> int:
        return 1 + max((level(target) for target in edges[room]), default=-1)

    floors: list[list[str]] = [[] for _ in range(1 + max(map(level, edges)))]
    for room in edges:
        floors[level(room)].append(room)
    column: dict[str, float] = {}
    for floor in floors:  # from the ground up: above the middle of what a room imports
        means = {room: sum(column[t] for t in edges[room]) / max(len(edges[room]), 1) for room in floor}
        floor.sort(key=lambda room: (means[room], room))
        column |= {room: k - (len(floor) - 1) / 2 for k, room in enumerate(floor)}
    return floors[::-1]


def width_of(floors: list[list[str]]) -> int:
    """Width of a picture that holds the widest floor."""
    return max(map(len, floors)) * (BOX_WIDTH + GAP) + 2 * MARGIN


def box_centres(floors: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Middle of the box of every room; odd floors lean sideways in turn, so that arrows can pass."""
    centres, middle = {}, width_of(floors) / 2
    for number, floor in enumerate(floors):
        shift = (-80, 80)[number % 2] if len(floor) in (1, 3) else 0
        for k, room in enumerate(floor):
            x = middle + shift + (k - (len(floor) - 1) / 2) * (BOX_WIDTH + GAP)
            centres[room] = (x, MARGIN + number * FLOOR + BOX_HEIGHT / 2)
    return centres


def subtitle(package: Path, room: str) -> str:
    """Number of modules of a room."""
    folder = package / room
    count = sum(path.name != "__init__.py" for path in folder.rglob("*.py")) if folder.is_dir() else 1
    return f"{count} module{'s' if count > 1 else ''}"


def drawing(package: Path, contract: Path) -> str:
    """SVG text of the rooms of `package` on the floors of `contract`."""
    edges = without_detours(room_edges(package, set(read_rooms(contract))))
    floors = floors_of(edges)
    centres = box_centres(floors)
    width, height = width_of(floors), 2 * MARGIN + FLOOR * (len(floors) - 1) + BOX_HEIGHT
    body = [
        *_arrows(edges, centres),
        *(_box(room, *centre, subtitle(package, room)) for room, centre in centres.items()),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif">\n<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8a9096"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="white"/>'
    )
    return "\n".join([head, *body, "</svg>\n"])


def _arrows(edges: Mapping[str, set[str]], centres: Mapping[str, tuple[float, float]]) -> list[str]:
    lines = []
    for room, near in sorted(edges.items()):
        x0, y0 = centres[room][0], centres[room][1] + BOX_HEIGHT / 2
        for target in sorted(near):
            x1, y1 = centres[target][0], centres[target][1] - BOX_HEIGHT / 2
            middle = (y1 - y0) / 2
            path = f"M{x0:.0f} {y0:.0f} C{x0:.0f} {y0 + middle:.0f} {x1:.0f} {y1 - middle:.0f} {x1:.0f} {y1:.0f}"
            lines.append(f'<path d="{path}" fill="none" stroke="#8a9096" stroke-width="1.4" marker-end="url(#tip)"/>')
    return lines


def _box(room: str, x: float, y: float, text: str) -> str:
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="#eef4f6"'
        f' stroke="#1f6f8b"/>\n<text x="{x:.0f}" y="{y - 3:.0f}" text-anchor="middle" font-size="14"'
        f' font-weight="bold" fill="#2b2f33">{escape(room)}</text>\n'
        f'<text x="{x:.0f}" y="{y + 14:.0f}" text-anchor="middle" font-size="10" fill="#6b7280">{escape(text)}</text>'
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the picture, or with ``--check`` compare it with the code; 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing, but fail if the picture is out of date")
    parser.add_argument("picture", type=Path)
    args = parser.parse_args(arguments)
    text = drawing(ROOT / PACKAGE, ROOT / ".importlinter")
    if not args.check:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        args.picture.write_text(text, encoding="utf-8")
    elif not args.picture.is_file() or args.picture.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{args.picture}: not the picture of the imports as they are; run 'make format'\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
