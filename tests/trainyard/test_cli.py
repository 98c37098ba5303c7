"""The command line: every command about a session can be told where the gateway is and who asks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from shared.fingerprint import file_facts
from shared.storage.manifest import Manifest, sign, to_pem
from tests.support.runs import SPEC
from trainyard.cli import app, main
from trainyard.session_commands import COMMANDS

IMPATIENT = httpx.AsyncHTTPTransport()  # tries once


@pytest.mark.parametrize("name", [command.__name__ for command in COMMANDS])
def test_every_session_command_takes_the_gateway_and_the_token(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "120"})

    assert shown.exit_code == 0
    assert "--url" in shown.output
    assert "--token" in shown.output
    assert "client" not in shown.output.lower()


class Gateway(BaseHTTPRequestHandler):
    """Answers every cancel order and remembers it."""

    seen: list[tuple[str, str | None, dict[str, str]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_a_session_command_asks_the_named_gateway_with_the_token() -> None:
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"

    done = CliRunner().invoke(app, ["cancel", "s1", "--run-id", "r1", "--url", url, "--token", "t"])
    server.shutdown()
    server.server_close()

    assert done.exit_code == 0, done.output
    assert Gateway.seen == [("/api/training/cancel/s1", "Bearer t", {"run_id": "r1"})]


def _arguments(command: Any, file: Path) -> list[str]:
    """Return words a command accepts: something for every argument and required option."""
    given: list[str] = []
    for parameter in command.params:
        if not parameter.required:
            continue
        named = {"at": "06:00", "timezone": "UTC", "version": "1", "settings": str(file), "files": str(file)}
        word = named.get(parameter.name or "", str(file.with_suffix(".new")))
        given += [word] if parameter.param_type_name == "argument" else [parameter.opts[0], word]
    return given


def _asking() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return {
        name: command
        for name, command in group.commands.items()
        if any(parameter.name == "url" for parameter in command.params)
    }


@pytest.mark.parametrize("name", sorted(_asking()))
def test_a_gateway_that_is_away_is_said_in_a_line_by_every_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "load.csv"
    file.write_text("time,load\n2026-01-01 00:00,1\n")
    if name == "train":
        file.write_text(json.dumps({"dataset": SPEC.model_dump(mode="json"), "models": [{"kind": "lin"}]}))
    monkeypatch.setattr("trainyard.connection.httpx.AsyncHTTPTransport", lambda **_: IMPATIENT)
    extra = ["--version", "1"] if name == "promote" else []
    words = [*_arguments(_asking()[name], file), *extra, "--url", "http://127.0.0.1:9"]
    monkeypatch.setattr("sys.argv", ["trainyard", name, *words])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr()
    assert ended.value.code == 1, said
    assert "GATEWAY_AWAY: the gateway at http://127.0.0.1:9 does not answer" in said.out.replace("\n", " ")
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status", "s", "--url", "nonsense"], "URL_UNUSABLE"),
        (["train", "s", "FILE"], "BAD_DOCUMENT"),
        (["fsck", "--data", "FOLDER"], "LEDGER_UNAVAILABLE"),
        (["backup", "FOLDER/copy", "--data", "FOLDER"], "LEDGER_UNUSABLE"),
        (["rerun", "r1", "--data", "FOLDER"], "LEDGER_UNAVAILABLE"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(
    words: list[str],
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"no ledger at all, but long enough to be looked at" * 99)
    (tmp_path / "bad.json").write_text("{}")
    named = {"FILE": str(tmp_path / "bad.json"), "FOLDER": str(tmp_path)}
    given = [word.replace("FOLDER", named["FOLDER"]) if word != "FILE" else named["FILE"] for word in words]
    monkeypatch.setattr("sys.argv", ["trainyard", *given])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr()
    assert ended.value.code == 1, said
    assert code in said.out, said


def test_verify_ends_with_1_where_a_byte_of_the_model_or_the_key_is_another(tmp_path: Path) -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    model, key, wrong = tmp_path / "LIN.onnx", tmp_path / "ours.pem", tmp_path / "theirs.pem"
    model.write_bytes(b"weights")
    key.write_text(to_pem(ours.public_key()))
    wrong.write_text(to_pem(theirs.public_key()))
    manifest = Manifest(
        session_id="s", run_id="r", job_id="j", version=2, model="LIN", kind="lin", passport_sha256=None,
        passport=None, files={"model.onnx": file_facts(model)},
    )  # fmt: skip
    (tmp_path / "LIN.onnx.manifest.json").write_text(sign(manifest, ours).model_dump_json())

    def code(*words: str) -> str:
        found = CliRunner().invoke(app, ["verify", str(model), *words])
        return "ok" if found.exit_code == 0 else str(getattr(found.exception, "code", found.exception))

    before = [code("--key", str(key)), code(), code("--key", str(wrong))]
    model.write_bytes(b"weightz")

    assert before == ["ok", "ok", "MANIFEST_INVALID"]
    assert code("--key", str(key)) == "MODEL_FILE_CHANGED"
