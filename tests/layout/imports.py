"""The imports between rooms, read from the source: `python tests/layout/imports.py [FOLDER]` prints them.

A room is a package of streamdetect, or a module beside them; an arrow is one room that imports another, for
types or at run time. A room stands on the floor above the highest that it imports.
"""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "streamdetect"
Graph = dict[str, set[str]]


class Imports:
    """The modules below a folder, by dotted name, and what each imports.

    Attributes:
        modules: of the package: what each imports of the package, by dotted name.
        others: what each imports from elsewhere, by the first part of the name.
    """

    def __init__(self, folder: Path) -> None:
        paths = {_dotted(path.relative_to(folder)): path for path in (folder / PACKAGE).rglob("*.py")}
        self.modules: Graph = {}
        self.others: Graph = {}
        for module, path in paths.items():
            named = set(_imported(path, module))
            inside = {_module(name, paths) for name in named if name.split(".")[0] == PACKAGE}
            self.modules[module] = inside - {module}
            self.others[module] = {name.split(".")[0] for name in named} - {PACKAGE}

    def rooms(self) -> Graph:
        """Rooms, and those that each imports."""
        rooms: Graph = {room(module): set() for module in self.modules}
        for module, imported in self.modules.items():
            rooms[room(module)] |= {room(name) for name in imported} - {room(module)}
        return rooms


def room(module: str) -> str:
    """The room of a module; the package's own `__init__` is one, too."""
    return [*module.split("."), "__init__"][1]


def cycle(graph: Graph) -> list[str]:
    """A round trip, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def floors(rooms: Graph) -> dict[str, int]:
    """The floor of each room, 0 for those that import none."""
    found: dict[str, int] = {}
    for name in TopologicalSorter(rooms).static_order():
        found[name] = max((found[below] + 1 for below in rooms[name]), default=0)
    return found


def _dotted(path: Path) -> str:
    return ".".join(part for part in path.with_suffix("").parts if part != "__init__")


def _module(name: str, modules: dict[str, Path]) -> str:
    """The module that an imported name is, or is in."""
    return name if name in modules else name.rpartition(".")[0]


def _imported(path: Path, module: str) -> Iterator[str]:
    """Every name that a file imports, dotted, `importlib.import_module("x")` too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=origin, names=names, level=level):
                parts = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                parent = ".".join([*parts, *([origin] if origin else [])])
                yield from (f"{parent}.{alias.name}" for alias in names)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name))]):
                yield name


def house(found: Imports) -> Iterator[str]:
    """Each floor's rooms and what they import, and how much there is of everything, line by line."""
    rooms = found.rooms()
    for name, graph in (("modules", found.modules), ("rooms", rooms)):
        yield f"cycle of {name}: {' -> '.join(cycle(graph)) or 'none'}"
    if cycle(rooms):
        return
    level = floors(rooms)
    for name in sorted(rooms, key=lambda name: (-level[name], name)):
        yield f"{level[name]}  {name:<11} {' '.join(sorted(rooms[name]))}"
    arrows = sum(map(len, rooms.values()))
    yield f"{len(rooms)} rooms, {max(level.values()) + 1} floors, {arrows} arrows"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[2]
    sys.stdout.write("\n".join([*house(Imports(folder)), ""]))
