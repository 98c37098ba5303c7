"""Rooms and sizes: no circle of folders, cores that know no store, files and functions a reader can hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "services", "trainyard")
LONGEST_FILE, LONGEST_BODY = 350, 60  # lines; a body is counted without its docstring
MOST_FUNCTIONS = 50.0  # per 1,000 lines; may only shrink
HOUSES = (
    "shared",
    "services/ingest",
    "services/datasets",
    "services/trainer",
    "services/trainer/core",
    "services/evaluator",
    "services/evaluator/core",
    "trainyard",
)


def files(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return what a module imports from modules, by their dotted names."""
    tree = ast.parse(path.read_text())
    found = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return found | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }


def arrows(house: str) -> dict[str, set[str]]:
    """Return which room of a house uses which; a room is a folder, or a module beside the folders."""
    prefix, found = house.replace("/", ".") + ".", dict[str, set[str]]()
    for path in files(house):
        room = path.relative_to(ROOT / house).parts[0].removesuffix(".py")
        used = {name.removeprefix(prefix).split(".")[0] for name in imported(path) if name.startswith(prefix)}
        found.setdefault(room, set()).update(used - {room})
    return found


def reachable(room: str, known: dict[str, set[str]]) -> set[str]:
    seen, waiting = set[str](), list(known[room])
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += known.get(name, ())
    return seen


@pytest.mark.parametrize("house", HOUSES)
def test_rooms_form_no_circle(house: str) -> None:
    known = arrows(house)

    assert {room for room in known if room in reachable(room, known)} == set()


def test_the_live_channel_knows_nothing_of_the_gateway() -> None:
    assert arrows("services/gateway")["live"] == set()


def test_what_every_request_needs_knows_no_noun_and_nothing_knows_the_earlier_frontend() -> None:
    known = arrows("services/gateway")

    assert not known["context"] & {"sessions", "datasets", "runs", "results", "models", "legacy"}
    assert {room for room, used in known.items() if "legacy" in used} <= {"app"}


def test_a_route_takes_the_parts_it_uses_and_never_the_whole_gateway() -> None:
    """Whole it is had where it is made, and where events of every noun come in by one door."""
    whole = {"services.gateway.context.Gateway", "services.gateway.context.GatewayDep"}
    known = {path.relative_to(ROOT / "services/gateway").as_posix() for path in files("services/gateway")
             if whole & imported(path)}  # fmt: skip

    assert known == {
        "app.py",
        "http/middleware.py",
        "legacy/socketio.py",
        "schedules/runner.py",
        "sessions/websocket.py",
    }


@pytest.mark.parametrize("service", ["ingest", "datasets", "trainer", "evaluator"])
def test_a_core_knows_the_shape_of_rows_and_bytes_but_no_store(service: str) -> None:
    known_shapes = ("shared.storage.rows.", "shared.storage.codecs.")
    for path in files(f"services/{service}/core"):
        stores = {n for n in imported(path) if n.startswith("shared.storage.")}
        assert all(name.startswith(known_shapes) for name in stores), f"{path} imports {stores}"


def test_a_file_is_short_enough_to_be_read() -> None:
    for path in (path for folder in SOURCES for path in files(folder)):
        name, n_lines = str(path.relative_to(ROOT)), len(path.read_text().splitlines())
        assert n_lines <= LONGEST_FILE, f"{name} has {n_lines} lines"


def test_a_function_is_short_enough_to_be_held_in_mind() -> None:
    for path in (path for folder in SOURCES for path in files(folder)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
                n_lines = (node.end_lineno or 0) - first[0].lineno + 1 if first else 0
                assert n_lines <= LONGEST_BODY, f"{path}:{node.lineno} {node.name} has {n_lines} lines"


def test_functions_say_more_than_their_lines() -> None:
    """Every ``def`` counts, methods, stubs of protocols and nested ones too; every line of a file counts."""
    texts = [path.read_text() for folder in SOURCES for path in files(folder)]
    n_functions = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for text in texts
        for node in ast.walk(ast.parse(text))
    )
    n_lines = sum(len(text.splitlines()) for text in texts)

    assert 1000 * n_functions / n_lines <= MOST_FUNCTIONS, f"{n_functions} in {n_lines} lines"


def test_in_shared_one_name_stands_for_one_thing() -> None:
    places: dict[str, list[Path]] = {}
    for path in files("shared"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path)

    assert {name: found for name, found in places.items() if len(found) > 1} == {}
