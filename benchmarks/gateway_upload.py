"""Bytes in: the gateway beside nginx (if it is on PATH, with its DAV module) and beside ``cp``.

``python -m benchmarks.gateway_upload``; chunks of 4 MB unless said otherwise, the same bytes for everybody.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from benchmarks.gateway_process import API, announce, gateway

MIB = 1 << 20
CHUNK = 4 * MIB  # a browser's
LARGE_CHUNK = 8 * MIB  # the SDK's
WAYS = (("3 at once", 3, CHUNK), ("6 at once", 6, CHUNK), ("3 at once, chunks of 8 MB", 3, LARGE_CHUNK))
Request = tuple[str, str, bytes, dict[str, str]]


def send(port: int, requests: list[Request], *, parallel: int) -> float:
    """Send requests over ``parallel`` connections; return the seconds it took."""
    queue = iter(requests)

    def worker() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        for method, path, body, headers in queue:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{answer.status} {text[:200]!r}")

    began = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        for done in [pool.submit(worker) for _ in range(parallel)]:
            done.result()
    return time.perf_counter() - began


def raw(port: int, content: bytes, *, parallel: int, chunk: int = CHUNK) -> float:
    """Upload by raw PUT."""
    pieces = [content[k : k + chunk] for k in range(0, len(content), chunk)]
    sid, file_id = announce(port, "load.csv", len(pieces))
    puts: list[Request] = [
        ("PUT", f"{API}/upload/{sid}/{file_id}/{k}", piece, {}) for k, piece in enumerate(pieces)
    ]
    seconds = send(port, puts, parallel=parallel)
    remove(port, sid)
    return seconds


def remove(port: int, sid: str) -> None:
    """Delete a session with its bytes, so that everybody writes into memory of the same age."""
    httpx.post(f"http://127.0.0.1:{port}{API}/session/{sid}/delete", timeout=60.0).raise_for_status()


def multipart(port: int, content: bytes, *, parallel: int) -> float:
    """Upload as the earlier frontend does: multipart."""
    pieces = [content[k : k + CHUNK] for k in range(0, len(content), CHUNK)]
    sid, _ = announce(port, "other.csv", 1)
    requests = []
    for k, piece in enumerate(pieces):
        facts = {"sessionId": sid, "fileName": "load.csv", "chunkIndex": k, "totalChunks": len(pieces),
                 "fileType": "input"}  # fmt: skip
        request = httpx.Request(
            "POST", "http://x/", data={"metadata": json.dumps(facts)}, files={"chunk": ("blob", piece)}
        )
        headers = {"Content-Type": request.headers["content-type"]}
        requests.append(("POST", f"{API}/upload-chunk", request.read(), headers))
    seconds = send(port, requests, parallel=parallel)
    remove(port, sid)
    return seconds


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """Start nginx that takes PUT bodies as files."""
    (folder / "body").mkdir(parents=True)
    (folder / "files").mkdir()
    configuration = f"""
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid; user root;
worker_processes 1;
events {{ worker_connections 64; }}
http {{ access_log off; client_max_body_size 600m; client_body_temp_path {folder}/body;
  server {{ listen 127.0.0.1:8799; root {folder}/files; dav_methods PUT; create_full_put_path on; }} }}
"""
    (folder / "nginx.conf").write_text(configuration)
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")])
    time.sleep(0.5)
    try:
        yield 8799
    finally:
        process.terminate()
        process.wait()


def copied(folder: Path, content: bytes) -> float:
    """Copy the file with cp."""
    source = folder / "source"
    source.write_bytes(content)
    began = time.perf_counter()
    subprocess.run(["cp", str(source), str(folder / "copy")], check=True)
    seconds = time.perf_counter() - began
    (folder / "copy").unlink()
    return seconds


def plain_puts(content: bytes, chunk: int) -> list[Request]:
    """Return the same bytes as requests for nginx."""
    starts = range(0, len(content), chunk)
    return [("PUT", f"/{start}", content[start : start + chunk], {}) for start in starts]


def synced(folder: Path) -> float:
    """Bring every file of a folder to the disk, as the gateway does with every chunk."""
    began = time.perf_counter()
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return time.perf_counter() - began


def calm() -> None:
    """Let the disk finish what the one before has written and deleted; the next one shall not pay for it."""
    os.sync()
    time.sleep(6.0)


def through_nginx(folder: Path, content: bytes, *, parallel: int, chunk: int) -> tuple[float, float]:
    """Return the seconds nginx takes, and those until all its files are on the disk."""
    with nginx(folder) as port:
        seconds = send(port, plain_puts(content, chunk), parallel=parallel)
    durable = seconds + synced(folder / "files")
    shutil.rmtree(folder)
    return seconds, durable


def upload(size_mb: int, rounds: int) -> None:
    """Print throughput side by side; every round has every contestant, each time in another order."""
    content = os.urandom(size_mb * MIB)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="session_data-") as scratch, gateway(Path(scratch)) as house:
        folder, port = Path(scratch), house.port
        contestants: list[tuple[tuple[str, ...], Callable[[], Sequence[float]]]] = [
            (("cp",), lambda: [copied(folder, content)]),
            *(
                (
                    (f"nginx, PUT, {name}", f"nginx, {name}, then fsync of every file"),
                    partial(through_nginx, folder / "nginx", content, parallel=n, chunk=chunk),
                )
                for name, n, chunk in WAYS
                if shutil.which("nginx")
            ),
            *(
                (
                    (f"**gateway, raw PUT, {name}**",),
                    partial(through, partial(raw, chunk=chunk), port, content, parallel=n),
                )
                for name, n, chunk in WAYS
            ),
            *(
                (
                    (f"gateway, multipart, {n} at once",),
                    partial(through, multipart, port, content, parallel=n),
                )
                for n in (3, 1)
            ),
        ]
        seconds = {name: [] for names, _ in contestants for name in names}
        for n in range(rounds):
            for names, run in contestants[n:] + contestants[:n]:
                calm()
                for name, taken in zip(names, run(), strict=True):
                    seconds[name].append(taken)
        print(f"\n| {size_mb} MB in chunks of 4 MB | best MB/s | median MB/s |\n|---|--:|--:|")
        for name, times in seconds.items():
            print(f"| {name} | {size_mb / min(times):.0f} | {size_mb / statistics.median(times):.0f} |")
        print(f"\ngateway's peak resident set: {house.peak_mb():.0f} MB")


def through(way: Callable[..., float], port: int, content: bytes, *, parallel: int) -> Sequence[float]:
    """Return the seconds of one way through the gateway."""
    return [way(port, content, parallel=parallel)]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    upload(asked.mb, asked.rounds)


if __name__ == "__main__":
    main()
