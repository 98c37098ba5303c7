"""The command line: every command about a session can be told where the gateway is and who asks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typer.testing import CliRunner

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
