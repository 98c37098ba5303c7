"""What clients keep with a session beside its settings: some of it, not any amount."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from services.gateway.problems import TooLarge, ValidationFailed, wrong_field
from shared.storage.rows import SessionRow

MOST_BYTES = 32 << 10
_OURS = "deleted:"  # which versions of files there were


class MetadataTooLarge(TooLarge):
    """More metadata than a session keeps."""

    code = "METADATA_TOO_LARGE"
    advice = ("Keep large things as files; metadata is for a few names and numbers.",)


def with_metadata(session: SessionRow, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's metadata with more of it.

    Raises
    ------
    MetadataTooLarge
        If that is more than 32 KiB as JSON.
    ValidationFailed
        If a name is one of those the gateway keeps its own notes under.
    """
    for name in more:
        if name.startswith(_OURS):
            raise wrong_field(ValidationFailed, name[:80], "this name is the gateway's own")
    merged = {**session.metadata, **more}
    size = len(to_json({name: value for name, value in merged.items() if not name.startswith(_OURS)}))
    if size > MOST_BYTES:
        raise MetadataTooLarge(
            f"the session would keep {size:,} bytes of metadata; accepted are {MOST_BYTES:,}",
            limit_bytes=MOST_BYTES,
        )
    return merged
