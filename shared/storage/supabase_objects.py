"""Objects in Supabase Storage: small ones in one request, large ones in resumable pieces.

Small requests go through the project's client. It would hold a whole object in memory, on the way in and on
the way out, so large ones are streamed here, over the same connections and as the same identity.
"""

import asyncio
import base64
import hashlib
import io
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, TypeVar

import httpx
from storage3._async.file_api import AsyncBucketProxy
from storage3.exceptions import StorageApiError
from storage3.types import FileOptions, SearchV2Options

from shared.errors import InvalidInput, Unavailable
from shared.storage.objects import (
    Content,
    Digest,
    InvalidKey,
    ObjectNotFound,
    Source,
    Stored,
    checked,
    gathered,
    read_turn,
    read_whole,
)
from shared.storage.supabase import (
    AccessDenied,
    RetryPolicy,
    SchemaOutdated,
    SupabaseUnavailable,
    unreachable,
)
from supabase import AsyncClient

BUCKET: Final = "trainyard"
PIECE_BYTES: Final = 6 << 20  # the one size the hosted service takes for all pieces but the last
_READ_BYTES: Final = 1 << 18
_LIST_PAGE: Final = 1000
_DELETE_BATCH: Final = 500
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
_BINARY: Final = "application/octet-stream"
_RESUMABLE: Final = {"tus-resumable": "1.0.0"}

T = TypeVar("T")
Spool: TypeAlias = BinaryIO | tempfile.SpooledTemporaryFile[bytes]


class ObjectTooLarge(InvalidInput):
    """The project's upload limit is lower than the object."""

    code = "OBJECT_TOO_LARGE"
    advice = ("Raise the upload limit in the project's storage settings.",)


class ObjectChanged(Unavailable):
    """The object was replaced while it was read; reading it again from the start will do."""

    code = "OBJECT_CHANGED"


class SupabaseObjects:
    """Bytes in one private bucket, speaking for whoever the client is for. A key is the object's name."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        bucket: str = BUCKET,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        if client.options.httpx_client is None:
            raise ValueError("the client needs the process's own connections")
        self._client = client
        self._http = client.options.httpx_client
        self._base = str(client.storage_url).rstrip("/")
        self._bucket = bucket
        self._retries = retries

    async def put(
        self, key: str, content: Content, *, durable: bool = True, digest: Digest | None = None
    ) -> Stored:
        checked(key)  # what the service has confirmed is durable, asked for or not
        digest = digest or hashlib.sha256()
        match content:
            case bytes() if len(content) <= PIECE_BYTES:
                return await self._put_small(key, content, digest)
            case bytes():
                return await self._put_file(key, io.BytesIO(content), digest)
            case Path():
                with await asyncio.to_thread(content.open, "rb") as file:
                    return await self._put_file(key, file, digest)
            case Source():
                with tempfile.SpooledTemporaryFile(max_size=PIECE_BYTES) as spool:
                    await read_whole(content, lambda: read_turn(content, spool.write) or None)
                    spool.seek(0)
                    return await self._put_file(key, spool, digest)
            case _:
                # An upload says its length first, so what exceeds one piece waits in a file.
                with tempfile.SpooledTemporaryFile(max_size=PIECE_BYTES) as spool:
                    async for batch in gathered(content):
                        await asyncio.to_thread(spool.writelines, batch)
                    spool.seek(0)
                    return await self._put_file(key, spool, digest)

    async def sync(self, prefix: str) -> None:
        """Nothing is left to be done: the service confirms what it has stored."""

    async def get(self, key: str) -> bytes:
        return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes; a connection that breaks is taken up where it broke, if the object is the same."""
        path = f"/object/authenticated/{self._bucket}/{checked(key)}"
        offset, etag, failures = 0, "", 0
        while True:
            try:
                # Compressed on the way, offsets would not be the object's.
                headers = self._client.options.headers | {"accept-encoding": "identity"}
                if offset:
                    headers["range"] = f"bytes={offset}-"
                async with self._http.stream(
                    "GET", f"{self._base}{path}", headers=headers, timeout=_TIMEOUT
                ) as answer:
                    await _raise_for(answer, key)
                    continued = answer.status_code == httpx.codes.PARTIAL_CONTENT
                    if offset and not (continued and etag and answer.headers.get("etag") == etag):
                        raise ObjectChanged("the object changed while it was read")
                    etag = answer.headers.get("etag", "")
                    async for piece in answer.aiter_bytes(_READ_BYTES):
                        offset, failures = offset + len(piece), 0
                        yield piece
                return
            except (httpx.TransportError, SupabaseUnavailable) as error:
                failures += 1
                if failures >= self._retries.attempts:
                    raise error if isinstance(error, SupabaseUnavailable) else unreachable(error) from error
                await asyncio.sleep(self._retries.pause_s * 2**failures)

    async def fetch(self, key: str, target: Path) -> None:
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for piece in self.stream(key):
                    await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(part.replace, target)
        finally:
            part.unlink(missing_ok=True)

    async def size(self, key: str) -> int | None:
        try:
            said = await self._call(key, lambda: self._files().info(checked(key)))
        except ObjectNotFound:
            return None
        return int(said["size"])

    async def list(self, prefix: str) -> list[str]:
        asked: SearchV2Options = {
            "prefix": f"{checked(prefix)}/", "limit": _LIST_PAGE, "with_delimiter": False
        }  # fmt: skip
        keys: list[str] = []
        while True:
            page = await self._call(prefix, lambda: self._files().list_v2(asked))
            keys += [entry.key or entry.name for entry in page.objects]
            if not page.hasNext or page.nextCursor is None:
                return sorted(keys)
            asked["cursor"] = page.nextCursor

    async def delete(self, prefix: str) -> int:
        names = [prefix, *await self.list(prefix)]
        deleted = 0
        for start in range(0, len(names), _DELETE_BATCH):
            batch = names[start : start + _DELETE_BATCH]
            deleted += len(await self._call(prefix, partial(self._files().remove, batch)))
        return deleted

    async def ping(self) -> None:
        await self._call(self._bucket, lambda: self._client.storage.get_bucket(self._bucket))

    async def _put_small(self, key: str, content: bytes, digest: Digest) -> Stored:
        how: FileOptions = {"upsert": "true", "content-type": _BINARY, "cache-control": "0"}
        await self._call(key, lambda: self._files().upload(key, content, how))
        digest.update(content)
        return Stored(len(content), digest.hexdigest())

    async def _put_file(self, key: str, file: Spool, digest: Digest) -> Stored:
        length = await asyncio.to_thread(file.seek, 0, os.SEEK_END)
        if length <= PIECE_BYTES:
            await asyncio.to_thread(file.seek, 0)
            return await self._put_small(key, await asyncio.to_thread(file.read), digest)
        await asyncio.to_thread(_take_in, file, digest)
        upload = await self._create_upload(key, length)
        for start in range(0, length, PIECE_BYTES):
            end = min(start + PIECE_BYTES, length)
            await self._retries.call(partial(self._send, upload, file, start, end))
        return Stored(length, digest.hexdigest())

    async def _create_upload(self, key: str, length: int) -> str:
        told = {
            "bucketName": self._bucket,
            "objectName": key,
            "contentType": _BINARY,
            "cacheControl": "0",
        }
        metadata = ",".join(f"{name} {base64.b64encode(v.encode()).decode()}" for name, v in told.items())
        headers = {"upload-length": str(length), "upload-metadata": metadata, "x-upsert": "true"}
        answer = await self._retries.call(
            lambda _: self._ask_once("POST", "/upload/resumable", headers=_RESUMABLE | headers)
        )
        # Behind a proxy the host in the answer may be an internal one; only the id is ours to use.
        return f"/upload/resumable/{answer.headers['location'].rsplit('/', 1)[1]}"

    async def _send(self, upload: str, file: Spool, start: int, end: int, attempt: int) -> None:
        """Send one piece of a file; on a later try ask first how much of it has arrived."""
        if attempt > 0:
            answer = await self._ask_once("HEAD", upload, headers=_RESUMABLE)
            start = int(answer.headers["upload-offset"])
        if start == end:
            return
        headers = {
            "upload-offset": str(start),
            "content-type": "application/offset+octet-stream",
            "content-length": str(end - start),
        }
        await self._ask_once("PATCH", upload, content=_part(file, start, end), headers=_RESUMABLE | headers)

    def _files(self) -> AsyncBucketProxy:
        return self._client.storage.from_(self._bucket)

    async def _call(self, key: str, once: Callable[[], Awaitable[T]]) -> T:
        """Return what the client answers; a proxy's page of regrets is none, whatever its status."""

        async def tried(_: int) -> T:
            try:
                return await once()
            except httpx.TransportError as error:
                raise unreachable(error) from error
            except StorageApiError as error:
                raise _meaning(error, key) from error
            except (ValueError, KeyError, TypeError) as error:
                raise SupabaseUnavailable(
                    "something else than Supabase answered", reason="no JSON"
                ) from error

        return await self._retries.call(tried)

    async def _ask_once(self, method: str, path: str, **how: Any) -> httpx.Response:
        headers = self._client.options.headers | how.pop("headers", {})
        try:
            answer = await self._http.request(
                method, f"{self._base}{path}", headers=headers, timeout=_TIMEOUT, **how
            )
        except httpx.TransportError as error:
            raise unreachable(error) from error
        await _raise_for(answer, path)
        return answer


async def _raise_for(answer: httpx.Response, key: str) -> None:
    if answer.is_success:
        return
    await answer.aread()
    raise refusal(answer, key)


def refusal(answer: httpx.Response, key: str) -> Exception:
    """Return what a refusing answer means. The service says HTTP 400 for most, the real status inside."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    inside = str(said.get("statusCode", ""))
    status = int(inside) if inside.isdigit() else answer.status_code
    code = str(said.get("code") or said.get("error") or "")
    match status, code:
        case _, "NoSuchBucket" | "Bucket not found":
            return SchemaOutdated(f"the project has no bucket {BUCKET!r}")
        case (404, _) | (_, "NoSuchKey" | "not_found"):
            return ObjectNotFound(f"nothing is stored under {key}", key=key)
        case (401 | 403, _) | (_, "AccessDenied" | "InvalidJWT" | "Unauthorized"):
            return AccessDenied("storage does not allow this", reason=code)
        case (413, _) | (_, "EntityTooLarge"):
            return ObjectTooLarge("the object is larger than the project allows", key=key)
        case _, "InvalidKey":
            return InvalidKey(f"storage does not accept the key {key[:80]!r}")
        case _:
            return SupabaseUnavailable("Supabase Storage could not answer", reason=code or str(status))


def _meaning(error: BaseException, key: str) -> Exception:
    """Return what the client's error means; only the answer behind it has the service's own code."""
    while not isinstance(error, httpx.HTTPStatusError):
        behind = error.__cause__ or error.__context__
        if behind is None:
            return SupabaseUnavailable("Supabase Storage could not answer", reason=type(error).__name__)
        error = behind
    return refusal(error.response, key)


def _take_in(file: Spool, digest: Digest) -> None:
    file.seek(0)
    while read := file.read(_READ_BYTES):
        digest.update(read)


async def _part(file: Spool, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield a part of a file in small reads: whole pieces, kept by every thread's heap, add up."""
    await asyncio.to_thread(file.seek, start)
    while start < end:
        read = await asyncio.to_thread(file.read, min(_READ_BYTES, end - start))
        start += len(read)
        yield read
