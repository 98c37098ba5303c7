"""Whether a downloaded model is what was trained: its signed manifest is fetched and checked."""

import json
from pathlib import Path
from typing import Annotated

import typer

from shared.storage.manifest import check_file, key_id, open_manifest, public_key
from trainyard.client import AsyncClient
from trainyard.operating import console
from trainyard.session_commands import asking

SUFFIX = ".manifest.json"


@asking
async def manifest(
    client: AsyncClient,
    session: str,
    version: Annotated[int, typer.Argument(help="number of a registered model")],
    target: Annotated[Path, typer.Argument(help="file to write; FILE.manifest.json is found by verify")],
    key: Annotated[Path | None, typer.Option(help="write the platform's public key there, too")] = None,
) -> None:
    """Save the signed manifest of a registered model."""
    target.write_text(json.dumps(await client.manifest(session, version), indent=1), encoding="utf-8")
    console.print(f"  [bold]{target}[/]")
    if key is not None:
        found = await client.signing_key()
        key.write_text(str(found["public_key"]), encoding="utf-8")
        console.print(f"  [bold]{key}[/]: key {str(found['key_id'])[:16]}")


def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a downloaded model")],
    manifest: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help=f"default: FILE{SUFFIX}")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="the public key you trust, PEM")
    ] = None,
) -> None:
    """Say whether a downloaded model is what was trained; ends with 1 where it is not."""
    path = manifest or file.with_name(file.name + SUFFIX)
    if not path.is_file():
        raise typer.BadParameter(f"there is no {path}; name the manifest with --manifest")
    trusted = public_key(key.read_bytes()) if key else None
    found = open_manifest(path.read_bytes(), key=trusted)
    name = check_file(found, file)
    signer = key_id(public_key(found.public_key.encode()))[:16]
    console.print(
        f"{file.name} is {name} of version {found.version} ({found.model}, run {found.run_id[:8]}), "
        f"as it was trained; signed by {signer}",
        highlight=False,
        markup=False,
    )
    if trusted is None:
        console.print("  the key came with the manifest: pass --key to know whose it is", style="yellow")
