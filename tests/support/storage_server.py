"""A small server that answers as Supabase Storage does: the database's policies decide, files hold bytes.

Every question is asked in Postgres as the role and the user of the token, so the policies of our migrations
are what lets a request through. An object's bytes lie under a name of their own per version; the row says
which version counts.
"""

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import jwt
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_PIECE = 1 << 18


class Refused(Exception):
    """An answer in the server's own form: most are HTTP 400 with the real status inside."""

    def __init__(self, status: int, error: str, message: str, *, http: int = 400) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {"statusCode": str(status), "error": error, "message": message}, status_code=http
        )


_NOT_FOUND = ("not_found", "Object not found")


@dataclass
class Upload:
    """A resumable upload under way."""

    claims: dict[str, Any]
    bucket: str
    name: str
    length: int
    upsert: bool
    path: Path
    offset: int = 0


@dataclass
class StorageServer:
    """The server's state: its database, its folder, and what the tokens are checked with."""

    uri: str
    folder: Path
    secret: str
    pool: asyncpg.Pool | None = None
    uploads: dict[str, Upload] = field(default_factory=dict)

    def app(self) -> Starlette:
        """Return the server as an ASGI application."""
        routes = [
            Route("/status", self._status),
            Route("/bucket/{bucket}", self._bucket),
            Route("/upload/resumable", self._create_upload, methods=["POST"]),
            Route("/upload/resumable/{upload}", self._upload_offset, methods=["HEAD"]),
            Route("/upload/resumable/{upload}", self._continue_upload, methods=["PATCH"]),
            Route("/object/list-v2/{bucket}", self._list, methods=["POST"]),
            Route("/object/info/{bucket}/{name:path}", self._info),
            Route("/object/authenticated/{bucket}/{name:path}", self._download),
            Route("/object/{bucket}", self._remove, methods=["DELETE"]),
            Route("/object/{bucket}/{name:path}", self._upload, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={Refused: _answer})

    async def _status(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _bucket(self, request: Request) -> Response:
        async with self._asking(self._claims(request)) as database:
            row = await database.fetchrow(
                "select id, name, public from storage.buckets where id = $1", request.path_params["bucket"]
            )
        if row is None:
            raise Refused(404, "Bucket not found", "Bucket not found")
        times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
        return JSONResponse(
            {**row, **times, "owner": "", "file_size_limit": None, "allowed_mime_types": None}
        )

    async def _upload(self, request: Request) -> Response:
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        path = self._new_file()
        if request.headers.get("content-type", "").startswith("multipart/"):
            async with request.form() as form:
                sent = form["file"]
                path.write_bytes(await sent.read() if isinstance(sent, UploadFile) else b"")
        else:
            with path.open("wb") as file:
                async for piece in request.stream():
                    file.write(piece)
        upsert = request.headers.get("x-upsert") == "true"
        await self._publish(self._claims(request), bucket, name, path, upsert=upsert)
        return JSONResponse({"Key": f"{bucket}/{name}"})

    async def _create_upload(self, request: Request) -> Response:
        claims = self._claims(request)
        pairs = (pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
        told = {key: base64.b64decode(value).decode() for key, value in pairs}
        upload = Upload(
            claims=claims,
            bucket=told["bucketName"],
            name=told["objectName"],
            length=int(request.headers["upload-length"]),
            upsert=request.headers.get("x-upsert") == "true",
            path=self._new_file(),
        )
        await self._may_upload(upload)
        upload.path.touch()
        token = uuid.uuid4().hex
        self.uploads[token] = upload
        return Response(status_code=201, headers={"location": f"http://inside/upload/resumable/{token}"})

    async def _upload_offset(self, request: Request) -> Response:
        upload = self._known(request)
        headers = {"upload-offset": str(upload.offset), "upload-length": str(upload.length)}
        return Response(status_code=200, headers=headers)

    async def _continue_upload(self, request: Request) -> Response:
        upload = self._known(request)
        if int(request.headers["upload-offset"]) != upload.offset:
            return Response("Upload-Offset conflict", status_code=409)
        with upload.path.open("ab") as file:
            async for piece in request.stream():
                file.write(piece)
                upload.offset += len(piece)
        if upload.offset == upload.length:
            await self._publish(upload.claims, upload.bucket, upload.name, upload.path, upsert=upload.upsert)
        return Response(status_code=204, headers={"upload-offset": str(upload.offset)})

    async def _list(self, request: Request) -> Response:
        asked = await request.json()
        limit = min(asked.get("limit", 1000), 1000)
        async with self._asking(self._claims(request)) as database:
            rows = await database.fetch(
                "select id::text, name, metadata from storage.objects"
                " where bucket_id = $1 and starts_with(name, $2) and name > $3 order by name limit $4",
                request.path_params["bucket"],
                asked.get("prefix", ""),
                asked.get("cursor") or "",
                limit + 1,
            )
        times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
        objects = [
            {"id": r["id"], "name": r["name"], "key": r["name"], "metadata": None, **times}
            for r in rows[:limit]
        ]
        more = len(rows) > limit
        cursor = {"nextCursor": objects[-1]["name"]} if more else {}
        return JSONResponse({"hasNext": more, "folders": [], "objects": objects, **cursor})

    async def _info(self, request: Request) -> Response:
        row = await self._row(request)
        metadata = json.loads(row["metadata"])
        return JSONResponse({"name": row["name"], "size": metadata["size"], "etag": metadata["eTag"]})

    async def _download(self, request: Request) -> Response:
        row = await self._row(request)
        metadata = json.loads(row["metadata"])
        size, start, status = metadata["size"], 0, 200
        headers = {"etag": metadata["eTag"], "accept-ranges": "bytes"}
        if asked := request.headers.get("range"):
            start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
            headers["content-range"] = f"bytes {start}-{size - 1}/{size}"
        headers["content-length"] = str(size - start)
        return StreamingResponse(_pieces(self.folder / row["version"], start), status, headers)

    async def _remove(self, request: Request) -> Response:
        names = (await request.json())["prefixes"]
        async with self._asking(self._claims(request)) as database:
            rows = await database.fetch(
                "delete from storage.objects where bucket_id = $1 and name = any($2) returning name, version",
                request.path_params["bucket"],
                names,
            )
        for row in rows:
            (self.folder / row["version"]).unlink(missing_ok=True)
        return JSONResponse([{"name": row["name"]} for row in rows])

    async def _row(self, request: Request) -> asyncpg.Record:
        async with self._asking(self._claims(request)) as database:
            row = await database.fetchrow(
                "select name, version, metadata from storage.objects where bucket_id = $1 and name = $2",
                request.path_params["bucket"],
                request.path_params["name"],
            )
        if row is None:
            raise Refused(404, *_NOT_FOUND)
        return row

    async def _may_upload(self, upload: Upload) -> None:
        """Ask the policies before the bytes come, by an insert that is taken back."""
        async with self._asking(upload.claims) as database:
            point = database.transaction()
            await point.start()
            await _insert(database, upload.bucket, upload.name, "none", {}, upsert=upload.upsert)
            await point.rollback()

    async def _publish(
        self, claims: dict[str, Any], bucket: str, name: str, path: Path, *, upsert: bool
    ) -> None:
        metadata = await asyncio.to_thread(_described, path)
        old = None
        try:
            async with self._asking(claims) as database:
                old = await database.fetchval(
                    "select version from storage.objects where bucket_id = $1 and name = $2", bucket, name
                )
                await _insert(database, bucket, name, path.name, metadata, upsert=upsert)
        except Refused:
            old = path.name
            raise
        finally:
            if old:
                (self.folder / old).unlink(missing_ok=True)

    @asynccontextmanager
    async def _asking(self, claims: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
        """Open a transaction as the role and the user of a token; a refusal of the policies is an answer."""
        if self.pool is None:
            self.pool = await asyncpg.create_pool(self.uri, min_size=1, max_size=10)
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('request.jwt.claims', $1, true)", json.dumps(claims))
            await connection.execute("select set_config('role', $1, true)", claims["role"])
            try:
                yield connection
            except asyncpg.InsufficientPrivilegeError as error:
                message = "new row violates row-level security policy"
                raise Refused(403, "Unauthorized", message) from error
            except asyncpg.UniqueViolationError as error:
                raise Refused(409, "Duplicate", "The resource already exists") from error
            except asyncpg.ForeignKeyViolationError as error:
                raise Refused(404, "Bucket not found", "Bucket not found") from error

    def _claims(self, request: Request) -> dict[str, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.secret, algorithms=["HS256"], options={"verify_aud": False}
            )
        except jwt.InvalidTokenError as error:
            raise Refused(403, "Unauthorized", str(error)) from error
        return claims

    def _known(self, request: Request) -> Upload:
        self._claims(request)
        try:
            return self.uploads[request.path_params["upload"]]
        except KeyError:
            raise Refused(404, "not_found", "Upload not found", http=404) from None

    def _new_file(self) -> Path:
        return self.folder / uuid.uuid4().hex


async def _insert(
    database: asyncpg.Connection,
    bucket: str,
    name: str,
    version: str,
    metadata: dict[str, Any],
    *,
    upsert: bool,
) -> None:
    replace = (
        " on conflict (bucket_id, name)"
        " do update set version = excluded.version, metadata = excluded.metadata"
    )
    await database.execute(
        "insert into storage.objects (bucket_id, name, version, metadata, owner_id)"
        f" values ($1, $2, $3, $4, (select auth.uid())::text){replace if upsert else ''}",
        bucket,
        name,
        version,
        json.dumps(metadata),
    )


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    return {"size": path.stat().st_size, "eTag": f'"{digest}"'}


async def _pieces(path: Path, start: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(_PIECE):
            yield piece


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response
