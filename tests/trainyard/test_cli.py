"""The command line: every command about a session can be told where the gateway is and who asks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from shared.fingerprint import file_facts
from shared.storage.manifest import Manifest, sign, to_pem
from trainyard.cli import app
from trainyard.session_commands import COMMANDS


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
