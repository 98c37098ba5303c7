"""The house's one-way arrows, executed: who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "datasets", "trainer", "evaluator", "gateway")
HEAVY = ("numpy", "pandas", "scipy", "matplotlib", "tensorflow", "keras", "sklearn")


def modules(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in ("shared", "services", "trainyard")}


def reachable(module: str) -> set[str]:
    """Every import of ours and of others that importing one module brings with it."""
    seen: set[str] = set()
    outside: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = ROOT / Path(*name.split("."))
        source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        if name in seen or not source.exists():
            continue
        seen.add(name)
        for imported in imports(source):
            (waiting.append if imported.split(".")[0] in ("shared", "services") else outside.add)(imported)
    return outside


def test_contracts_import_nothing_but_contracts_and_pydantic() -> None:
    for path in modules("shared/contracts"):
        assert all(name.startswith("shared.contracts") for name in ours(path)), dotted(path)
        others = {n.split(".")[0] for n in imports(path)} - {"shared"}
        assert not others & {*HEAVY, "faststream", "nats", "fastapi", "httpx"}, dotted(path)


def test_shared_imports_no_service() -> None:
    for path in modules("shared"):
        assert not {n for n in ours(path) if n.startswith(("services", "trainyard"))}, dotted(path)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_no_other_service(service: str) -> None:
    for path in modules(f"services/{service}"):
        foreign = {n for n in ours(path) if n.startswith("services.") and n.split(".")[1] != service}
        assert not foreign, f"{dotted(path)} imports {foreign}"
        assert not {n for n in ours(path) if n.startswith("trainyard")}, dotted(path)


@pytest.mark.parametrize("service", SERVICES[:-1])
def test_a_core_is_pure(service: str) -> None:
    forbidden = ("shared.messaging", "shared.runtime", "shared.settings", f"services.{service}.")
    for path in modules(f"services/{service}/core"):
        own = {n for n in ours(path) if n.startswith(f"services.{service}.core")}
        outward = {n for n in ours(path) - own if n.startswith(forbidden)}
        assert not outward, f"{dotted(path)} imports {outward}"
        assert not {n.split(".")[0] for n in imports(path)} & {"faststream", "nats", "asyncio", "httpx"}, (
            dotted(path)
        )


@pytest.mark.parametrize("service", SERVICES[:-1])
def test_handlers_do_not_know_the_wiring(service: str) -> None:
    forbidden = {f"services.{service}.app", f"services.{service}.storage", f"services.{service}.settings"}
    assert not ours(ROOT / "services" / service / "handlers.py") & forbidden


@pytest.mark.parametrize("service", SERVICES[:-1])
def test_every_worker_has_the_same_anatomy(service: str) -> None:
    folder = ROOT / "services" / service
    for name in ("app.py", "settings.py", "handlers.py", "ports.py", "storage.py", "core"):
        assert (folder / name).exists(), f"services/{service}/{name}"


def test_tensorflow_is_imported_in_one_place_only() -> None:
    users = {
        dotted(path)
        for folder in ("shared", "services", "trainyard")
        for path in modules(folder)
        if {n.split(".")[0] for n in imports(path)} & {"keras", "tensorflow"}
    }

    assert all(name.startswith("services.trainer.core.networks") for name in users), users


def test_the_gateway_needs_neither_numpy_nor_tensorflow() -> None:
    heavy = {name for name in reachable("services.gateway.app") if name.split(".")[0] in HEAVY}

    assert not heavy


def test_nothing_is_pickled() -> None:
    for folder in ("shared", "services", "trainyard", "benchmarks"):
        for path in modules(folder):
            assert not {n.split(".")[0] for n in imports(path)} & {"pickle", "joblib", "dill"}, dotted(path)


def test_a_data_sets_settings_are_made_concrete_in_one_room_only() -> None:
    grid, calendar = "shared.series.grid.", "shared.series.calendar."
    interpreters = {f"{grid}reference_grid", f"{grid}window_of", f"{calendar}calendar_window"}
    interpreters.add(f"{calendar}clock_of")
    for folder in ("shared/windows", "services", "trainyard"):
        for path in modules(folder):
            used = imports(path) & interpreters
            assert not used or dotted(path) == "shared.windows.plan", f"{dotted(path)} uses {used}"
