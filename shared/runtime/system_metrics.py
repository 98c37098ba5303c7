"""What a process uses, and what its machine has: CPU, memory, files, children, the container, the GPU."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_CGROUP = Path("/sys/fs/cgroup")


def service_registry(service: str) -> CollectorRegistry:
    """Return a registry with everything that is told of any process of ours."""
    registry = CollectorRegistry()
    Info("trainyard_service", "Which service this is", registry=registry).info({"service": service})
    ProcessCollector(registry=registry)
    registry.register(ChildCollector())
    gpus = GpuCollector.found()
    registry.register(MachineCollector(gpus.count() if gpus else 0))
    if gpus is not None:
        registry.register(gpus)
    return registry


class ChildCollector(Collector):
    """CPU and memory of this process's children: of the fit that runs in one."""

    def collect(self) -> Iterator[Metric]:
        """Yield the sums over all living children."""
        resident, cpu, count = 0.0, 0.0, 0
        for child in psutil.Process().children(recursive=True):
            try:
                times, memory = child.cpu_times(), child.memory_info()
            except psutil.Error:  # it ended meanwhile
                continue
            resident, cpu, count = resident + memory.rss, cpu + times.user + times.system, count + 1
        yield GaugeMetricFamily("trainyard_children", "Child processes", value=count)
        yield GaugeMetricFamily(
            "trainyard_children_resident_memory_bytes", "Resident memory of all children", value=resident
        )
        yield GaugeMetricFamily(
            "trainyard_children_cpu_seconds", "CPU time of the living children", value=cpu
        )


@dataclass(eq=False)
class MachineCollector(Collector):
    """CPU and memory of the machine, and of the container where one limits us; how many GPUs are seen."""

    _n_gpus: int

    def collect(self) -> Iterator[Metric]:
        """Yield what the operating system says now."""
        cpu = CounterMetricFamily("trainyard_machine_cpu_seconds", "CPU time of the machine", labels=["mode"])
        times = psutil.cpu_times()
        for mode in ("user", "system", "idle", "iowait"):
            cpu.add_metric([mode], getattr(times, mode, 0.0))
        yield cpu
        memory = psutil.virtual_memory()
        n_cpus = psutil.cpu_count() or 0
        yield GaugeMetricFamily("trainyard_machine_cpus", "Logical processors", value=n_cpus)
        yield GaugeMetricFamily("trainyard_machine_gpus", "NVIDIA GPUs this process sees", value=self._n_gpus)
        yield GaugeMetricFamily("trainyard_machine_memory_bytes", "Memory of the machine", value=memory.total)
        yield GaugeMetricFamily(
            "trainyard_machine_memory_available_bytes", "Memory to be had", value=memory.available
        )
        for name, file in (("usage", "memory.current"), ("limit", "memory.max")):
            if (n_bytes := _cgroup_bytes(file)) is not None:
                full, text = f"trainyard_container_memory_{name}_bytes", f"Memory {name} of the container"
                yield GaugeMetricFamily(full, text, value=n_bytes)


@dataclass(eq=False)
class GpuCollector(Collector):
    """Load and memory of every NVIDIA GPU, through the optional package nvidia-ml-py."""

    _nvml: Any

    @classmethod
    def found(cls) -> "GpuCollector | None":
        """Return a collector where package, driver and GPU are there."""
        try:
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
        except Exception:  # noqa: BLE001 - the package is optional and raises its own errors without a driver
            return None
        return cls(nvml) if nvml.nvmlDeviceGetCount() else None

    def count(self) -> int:
        """Return how many there are."""
        return int(self._nvml.nvmlDeviceGetCount())

    def collect(self) -> Iterator[Metric]:
        """Yield one value per GPU, by its number."""
        load = GaugeMetricFamily("trainyard_gpu_utilization_ratio", "Share of time in use", labels=["gpu"])
        used = GaugeMetricFamily("trainyard_gpu_memory_used_bytes", "Memory in use", labels=["gpu"])
        total = GaugeMetricFamily("trainyard_gpu_memory_bytes", "Memory of the GPU", labels=["gpu"])
        for number in range(self.count()):
            handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
            load.add_metric([str(number)], self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
            used.add_metric([str(number)], memory.used)
            total.add_metric([str(number)], memory.total)
        yield from (load, used, total)


def _cgroup_bytes(file: str, *, read: Callable[[Path], str] = Path.read_text) -> int | None:
    """Return a number of the container's memory controller; None without one, or without a limit."""
    try:
        return int(read(_CGROUP / file))
    except (OSError, ValueError):  # "max" is no limit
        return None
