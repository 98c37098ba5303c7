"""The small storage server answers as the real one is reported to, and our adapter understands both.

The table below holds answers of the real service as its documentation and its users' reports give them, with
the place each was read; none was recorded by us from a hosted project.
"""

import asyncio
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.storage.objects import InvalidKey, ObjectNotFound
from shared.storage.supabase import (
    AccessDenied,
    SchemaOutdated,
    SupabaseUnavailable,
    client_for,
    key_headers,
    open_http,
)
from shared.storage.supabase_objects import ObjectTooLarge, SupabaseObjects, refusal
from tests.supabase.conftest import User
from tests.support.supabase import PUBLISHABLE_KEY, SECRET_KEY, LocalSupabase, mint

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reported:
    """One request, what the real server answers, and where that was read."""

    asked: tuple[str, str]
    status: int
    answer: dict[str, Any]
    source: str
    headers: dict[str, str] = field(default_factory=dict)


REPORTED = [
    Reported(
        asked=("GET", "/object/authenticated/trainyard/sessions/x/absent"),
        status=400,
        answer={"statusCode": "404", "error": "not_found", "message": "Object not found"},
        source="github.com/supabase/supabase-js/issues/1663",
    ),
    Reported(
        asked=("POST", "/object/trainyard/sessions/x/files/forged"),
        status=400,
        answer={
            "statusCode": "403",
            "error": "Unauthorized",
            "message": "new row violates row-level security policy",
        },
        source="github.com/supabase/storage/issues/1241",
    ),
    Reported(
        asked=("GET", "/bucket/absent"),
        status=400,
        answer={"statusCode": "404", "error": "Bucket not found", "message": "Bucket not found"},
        source="github.com/supabase/storage/issues/469",
    ),
    Reported(
        asked=("PATCH", "/upload/resumable/absent"),
        status=404,
        answer={},
        source="tus.io/protocols/resumable-upload: an unknown upload is 404 or 410",
        headers={"upload-offset": "0", "tus-resumable": "1.0.0"},
    ),
]


@pytest.mark.parametrize("reported", REPORTED, ids=lambda reported: " ".join(reported.asked))
async def test_the_small_server_answers_as_the_real_one(
    supabase: LocalSupabase, alice: User, reported: Reported
) -> None:
    headers = {"apikey": PUBLISHABLE_KEY, "Authorization": f"Bearer {mint(alice.id)}", **reported.headers}
    method, path = reported.asked

    async with open_http() as http:
        answer = await http.request(method, f"{supabase.url}/storage/v1{path}", headers=headers, content=b"x")

    assert answer.status_code == reported.status
    assert reported.answer.items() <= answer.json().items()


@pytest.mark.parametrize(
    ("status", "answer", "meaning"),
    [
        (400, {"statusCode": "404", "error": "not_found"}, ObjectNotFound),
        (404, {"code": "NoSuchKey"}, ObjectNotFound),
        (404, {"code": "NoSuchBucket"}, SchemaOutdated),
        (400, {"statusCode": "404", "error": "Bucket not found"}, SchemaOutdated),
        (400, {"statusCode": "403", "error": "Unauthorized"}, AccessDenied),
        (403, {"code": "AccessDenied"}, AccessDenied),
        (400, {"statusCode": "401", "error": "Invalid JWT"}, AccessDenied),
        (400, {"code": "InvalidJWT"}, AccessDenied),
        (413, {"statusCode": "413", "error": "Payload too large"}, ObjectTooLarge),
        (400, {"code": "InvalidKey"}, InvalidKey),
        (429, {"code": "SlowDown"}, SupabaseUnavailable),
        (544, {"code": "DatabaseTimeout"}, SupabaseUnavailable),
        (500, {"code": "InternalError"}, SupabaseUnavailable),
        (502, None, SupabaseUnavailable),
    ],
)
def test_every_documented_refusal_has_its_meaning(
    status: int, answer: dict[str, str] | None, meaning: type[Exception]
) -> None:
    body = {"html": "<h1>Bad gateway</h1>"} if answer is None else {"json": answer}

    error = refusal(httpx.Response(status, **body), "sessions/a/b")

    assert type(error) is meaning


async def test_an_object_appears_only_when_its_upload_is_complete(
    supabase: LocalSupabase, alice: User
) -> None:
    key = f"sessions/{alice.session.id}/runs/r/model"
    async with open_http() as http:
        objects = SupabaseObjects(client_for(http, supabase.url, key_headers(SECRET_KEY)))

        content = io.BytesIO(b"0123456789")
        upload = await objects._create_upload(key, 10)
        await objects._send(upload, content, 0, 5, 0)
        before = await objects.size(key)
        await objects._send(upload, content, 5, 10, 0)

        assert before is None
        assert await objects.get(key) == b"0123456789"


LARGE = """
import asyncio, resource, sys, tempfile
from pathlib import Path
from shared.storage.supabase import client_for, key_headers, open_http
from shared.storage.supabase_objects import SupabaseObjects

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

async def pieces(size_mb):
    for n in range(size_mb):
        yield bytes([n % 256]) * (1 << 20)

async def main(url, key, name, size_mb):
    async with open_http() as http:
        objects = SupabaseObjects(client_for(http, url, key_headers(key)))
        await objects.put(name, bytes(1 << 20))
        before = peak_mb()
        await objects.put(name, pieces(size_mb))
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            await objects.fetch(name, copy)
            await objects.put(name, copy)
            print(copy.stat().st_size >> 20, peak_mb() - before)

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


async def test_a_large_object_passes_in_small_memory(supabase: LocalSupabase, alice: User) -> None:
    name = f"sessions/{alice.session.id}/runs/r/model"
    arguments = ["-c", LARGE, supabase.url, SECRET_KEY, name, "150"]

    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()

    size_mb, grown_mb = map(int, out.split())
    assert size_mb == 150
    assert grown_mb < 50
