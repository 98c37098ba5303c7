"""The two clients of the SDK have the same methods with the same parameters."""

import inspect

from trainyard.blocking import Client
from trainyard.client import AsyncClient

ONLY_WITH_A_LOOP = {"events"}  # an endless stream; ``watch`` is what code without a loop follows


def methods(client: type) -> dict[str, dict[str, object]]:
    return {
        name: {
            p.name: (p.kind, p.default, p.annotation)
            for p in inspect.signature(method).parameters.values()
            if p.name != "self"
        }
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods() -> None:
    waiting, blocking = methods(AsyncClient), methods(Client)

    assert set(waiting) - set(blocking) == ONLY_WITH_A_LOOP
    assert {name: waiting[name] for name in blocking} == blocking


def test_a_closed_client_leaves_no_thread_behind() -> None:
    import threading

    before = threading.active_count()
    with Client("http://127.0.0.1:9"):
        assert threading.active_count() == before + 1

    assert threading.active_count() == before
