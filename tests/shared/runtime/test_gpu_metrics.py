"""A GPU's load and memory, as the driver's library tells them; nothing without a driver or a GPU."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shared.runtime.system_metrics import GpuCollector, service_registry


def nvml(n_gpus: int, *, driver: bool = True) -> ModuleType:
    """Return the four calls of the driver's library that we make."""
    library = ModuleType("pynvml")

    def init() -> None:
        if not driver:
            raise RuntimeError("NVML Shared Library Not Found")

    library.nvmlInit = init  # type: ignore[attr-defined]
    library.nvmlDeviceGetCount = lambda: n_gpus  # type: ignore[attr-defined]
    library.nvmlDeviceGetHandleByIndex = lambda number: number  # type: ignore[attr-defined]
    library.nvmlDeviceGetUtilizationRates = lambda gpu: SimpleNamespace(gpu=40 + gpu)  # type: ignore[attr-defined]
    library.nvmlDeviceGetMemoryInfo = lambda gpu: SimpleNamespace(used=gpu + 1, total=80)  # type: ignore[attr-defined]
    return library


def test_each_gpu_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(2))

    told = generate_latest(service_registry("trainer")).decode()

    assert 'trainyard_gpu_utilization_ratio{gpu="1"} 0.41' in told
    assert 'trainyard_gpu_memory_used_bytes{gpu="0"} 1.0' in told
    assert 'trainyard_gpu_memory_bytes{gpu="1"} 80.0' in told


@pytest.mark.parametrize("library", [None, nvml(0), nvml(1, driver=False)])
def test_without_package_driver_or_gpu_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, library: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)

    assert GpuCollector.found() is None
    assert isinstance(service_registry("trainer"), CollectorRegistry)
