"""The part of ``AsyncClient`` that is about the registry of models."""

from typing import Any

from trainyard.connection import Connection
from trainyard.responses import ModelVersion, Versions


class RegistryCalls(Connection):
    """Versions of a session's models and their stages."""

    async def models(self, session_id: str) -> Versions:
        """Return the registered models, newest first, and the log of promotions."""
        return Versions.model_validate(await self._call("GET", f"/models/{session_id}"))

    async def register(
        self, session_id: str, *, model: str = "best", run_id: str | None = None
    ) -> ModelVersion:
        """Give a finished model a version, as a candidate; one that has a version keeps it."""
        body = {"model": model, "run_id": run_id}
        answer = await self._call("POST", f"/models/{session_id}", json=body)
        return ModelVersion.model_validate(answer["version"])

    async def promote(
        self,
        session_id: str,
        *,
        version: int | None = None,
        model: str | None = None,
        run_id: str | None = None,
        reason: str = "",
        days: int | None = None,
        level: float = 0.05,
    ) -> Versions:
        """Make a version champion, by number, or a model, which is registered with it.

        Parameters
        ----------
        days, level
            Only if it forecast better than the champion on the last days, significantly at that level:
            ``judgement`` has the decision and its numbers. Naming no model then means the newest run's best.

        Raises
        ------
        ApiError
            If there is no such version or finished model, or nobody to compare it with.
        """
        body: dict[str, Any] = {"version": version, "model": model, "run_id": run_id, "reason": reason}
        if days is not None:
            body["rule"] = {"days": days, "level": level}
        return Versions.model_validate(await self._call("POST", f"/models/{session_id}/promote", json=body))

    async def promote_by_rule(
        self, session_id: str, *, days: int | None = 14, level: float = 0.05
    ) -> Versions:
        """Promote the newest run's best model by itself whenever it was better on the last days.

        ``days=None`` ends that: models are promoted by hand only.
        """
        path, method = f"/models/{session_id}/rule", "DELETE" if days is None else "PUT"
        body = {} if days is None else {"json": {"days": days, "level": level}}
        return Versions.model_validate(await self._call(method, path, **body))

    async def manifest(self, session_id: str, version: int) -> dict[str, Any]:
        """Return the signed manifest of a version, a DSSE envelope: `shared.storage.manifest` opens it."""
        answer = await self._call("GET", f"/models/{session_id}/{version}/manifest")
        return {name: answer[name] for name in ("payloadType", "payload", "signatures")}

    async def signing_key(self) -> dict[str, Any]:
        """Return the public key manifests are signed with (``public_key``, PEM) and its ``key_id``."""
        return await self._call("GET", "/signing-key")

    async def rollback(self, session_id: str, *, reason: str = "") -> Versions:
        """Make the champion before the present one champion again."""
        body = {"reason": reason}
        return Versions.model_validate(await self._call("POST", f"/models/{session_id}/rollback", json=body))

    async def retire(self, session_id: str, version: int, *, reason: str = "") -> Versions:
        """Retire a version that is not the champion."""
        body = {"version": version, "reason": reason}
        return Versions.model_validate(await self._call("POST", f"/models/{session_id}/retire", json=body))
