"""Who may say and hear what: the table of services and subjects, asked of a real nats-server.

It is asked three times: of the embedded broker, and with the configurations of compose and of Kubernetes.
"""

import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import nats
import pytest
import yaml
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.contracts.base import Message
from shared.contracts.events import EVENTS, CancelNow, ModelProgress, TrainModel
from shared.messaging.permissions import (
    ANNOUNCES,
    SERVICES,
    USERS,
    User,
    authorization,
    durables_of,
    permissions_of,
)
from shared.messaging.streams import consumers, provision, streams
from trainyard.broker import EmbeddedNats, server_binary

DEPLOY = Path(__file__).parents[3] / "deploy"
ID = "0" * 32
MESSAGES: tuple[type[Message], ...] = (*EVENTS, TrainModel, ModelProgress, CancelNow)


def deployed(where: str) -> str:
    """Return the broker's configuration as it is deployed: the file compose mounts, or Kubernetes' own."""
    if where == "compose":
        return (DEPLOY / "nats" / "nats.conf").read_text()
    documents = yaml.safe_load_all((DEPLOY / "k8s" / "base" / "nats.yaml").read_text())
    [text] = [d["data"]["nats.conf"] for d in documents if "nats.conf" in (d.get("data") or {})]
    return str(text)


class Deployed(EmbeddedNats):
    """A broker with a deployed configuration, of which only ports, folder and cluster are others."""

    def __init__(self, root: Path, where: str) -> None:
        super().__init__(root, durable=False, users=True)
        self._text = deployed(where)

    def _configuration(self, ports: Path) -> str:
        text = re.sub(r"^(server_name|listen|http):.*\n", "", self._text, flags=re.M)
        text = re.sub(r"^cluster \{.*?^\}\n", "", text, flags=re.M | re.S)
        text = text.replace("store_dir: /data", f"store_dir: {json.dumps(str(self.root / 'store'))}")
        for user, password in self.passwords.items():
            text = text.replace(f"$NATS_{user.upper()}_PASSWORD", json.dumps(password))
        return (
            f'server_name: trainyard\nlisten: "127.0.0.1:{self._port}"\n'
            f"ports_file_dir: {json.dumps(str(ports))}\n{text}"
        )

    def _ready(self, ports: Path) -> bool:
        return super()._ready(ports) or bool(self.url)  # there is no operator who could ask for more


@pytest.fixture(scope="module", params=["embedded", "compose", "kubernetes"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedNats]:
    """A broker with a user per service, as each of the three ways to run the platform has it."""
    root = tmp_path_factory.mktemp("users") / "nats"
    embedded = request.param == "embedded"
    broker = EmbeddedNats(root, durable=False, users=True) if embedded else Deployed(root, request.param)
    broker.start()
    yield broker
    broker.stop()


class Seat:
    """One user's connection, and what the server refused it."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.client: Client

    async def open(self, server: EmbeddedNats, user: str) -> "Seat":
        self.client = await nats.connect(
            server.url, **server.login(user), error_cb=self._note, inbox_prefix=f"_INBOX.{user}".encode()
        )
        return self

    async def _note(self, error: Exception) -> None:
        self.refused.append(str(error).lower())

    async def may_publish(self, subject: str) -> bool:
        """Publish, and ask the server to answer everything before."""
        self.refused.clear()
        await self.client.publish(subject, b"{}")
        return await self._passed()

    async def may_subscribe(self, subject: str) -> bool:
        self.refused.clear()
        heard = await self.client.subscribe(subject)
        passed = await self._passed()
        if passed:
            await heard.unsubscribe()
        return passed

    async def _passed(self) -> bool:
        for _ in range(2):  # the client's first ping may overtake what it still has to send
            await self.client.flush()
        return not any("permissions violation" in refusal for refusal in self.refused)


@pytest.fixture
async def seats(server: EmbeddedNats) -> AsyncIterator[dict[User, Seat]]:
    taken = {user: await Seat().open(server, user) for user in USERS}
    yield taken
    for seat in taken.values():
        await seat.client.close()


def subject_of(pattern: str) -> str:
    return ".".join(ID if token == "*" else token for token in pattern.split("."))


async def test_each_service_announces_its_own_messages_and_no_others(seats: dict[User, Seat]) -> None:
    for message in MESSAGES:
        subject = subject_of(message.pattern())

        allowed = {user for user in USERS if await seats[user].may_publish(subject)}

        assert allowed == {name for name in SERVICES if message in ANNOUNCES[name]}, message.type


async def test_every_message_has_somebody_who_announces_it() -> None:
    announced = {message for said in ANNOUNCES.values() for message in said}

    assert announced == set(MESSAGES)


async def test_each_durable_is_read_and_acknowledged_by_one_service_alone(seats: dict[User, Seat]) -> None:
    for stream, consumer in consumers(ack_wait=timedelta(seconds=60)):
        owner = {name for name in SERVICES if (stream, consumer.name) in durables_of(name)}
        assert len(owner) == 1, consumer.name
        for subject in (
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer.name}",
            f"$JS.ACK.{stream}.{consumer.name}.1.1.1.1.1",
        ):
            allowed = {user for user in USERS if await seats[user].may_publish(subject)}

            assert allowed == owner, subject


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("$JS.API.STREAM.CREATE.NEW", {"provision"}),
        ("$JS.API.STREAM.UPDATE.EVT", {"provision"}),
        ("$JS.API.STREAM.DELETE.EVT", set()),
        ("$JS.API.STREAM.PURGE.JOBS", {"gateway"}),
        ("$JS.API.STREAM.PURGE.EVT", set()),
        ("$JS.API.STREAM.MSG.DELETE.JOBS", {"evaluator"}),
        ("$JS.API.STREAM.MSG.DELETE.EVT", set()),
        ("$JS.API.CONSUMER.CREATE.EVT.spy", {"provision"}),
        ("$JS.API.CONSUMER.DELETE.EVT.evaluator-chronicle", set()),
        ("$JS.API.DIRECT.GET.EVT", {"gateway"}),
        ("ask.trainer.predict", {"gateway"}),
        ("ask.ingest.rows", {"gateway"}),
        ("limit.requests.x.1", {"gateway"}),
        ("_INBOX.gateway.x", set()),
        ("$SYS.REQ.SERVER.PING", set()),
        ("anything", set()),
    ],
)
async def test_who_may_publish(seats: dict[User, Seat], subject: str, allowed: set[str]) -> None:
    assert {user for user in USERS if await seats[user].may_publish(subject)} == allowed


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("live.evt.>", {"gateway"}),
        (ModelProgress.pattern(), {"gateway"}),
        ("prog.>", {"gateway"}),
        (CancelNow.pattern(), {"trainer"}),
        *((f"ask.{name}.*", {name} - {"gateway"}) for name in SERVICES),
        *((f"_INBOX.{user}.>", {user}) for user in USERS),
        ("_INBOX.>", set()),
        ("evt.>", set()),
        ("jobs.>", set()),
        (">", set()),
    ],
)
async def test_who_may_subscribe(seats: dict[User, Seat], subject: str, allowed: set[str]) -> None:
    assert {user for user in USERS if await seats[user].may_subscribe(subject)} == allowed


async def test_an_answer_reaches_who_asked_and_nothing_else_does(seats: dict[User, Seat]) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"42")

    await seats["trainer"].client.subscribe("ask.trainer.predict", queue="answers-trainer", cb=answer)
    for _ in range(2):
        await seats["trainer"].client.flush()

    answered = await seats["gateway"].client.request("ask.trainer.predict", b"", timeout=5)

    assert answered.data == b"42"
    assert not await seats["trainer"].may_publish("_INBOX.gateway.uninvited")


async def test_provisioning_needs_no_more_than_its_own_user(seats: dict[User, Seat]) -> None:
    for _ in range(2):
        await provision(seats["provision"].client, ack_wait=timedelta(seconds=60))

    for stream in streams():
        assert (await seats["provision"].client.jetstream().stream_info(stream.name or "")).config.name


async def test_nobody_enters_without_a_password(server: EmbeddedNats) -> None:
    for login in ({}, {"user": "gateway", "password": "wrong"}, {"token": "guess"}):
        with pytest.raises(Exception, match=r"(?i)authorization"):
            await nats.connect(server.url, **login, allow_reconnect=False, connect_timeout=2)


def test_secrets_lie_in_files_of_their_own_and_no_monitoring_port_is_open(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path / "nats", durable=False, users=True).start()
    server.stop()
    for name in ("passwords.json", "nats.conf", "nats.log", "lock"):
        assert (server.root / name).stat().st_mode & 0o777 == 0o600, name
    assert "http" not in (server.root / "nats.conf").read_text()
    assert all(secret not in (server.root / "nats.log").read_text() for secret in server.passwords.values())


def test_nats_server_reads_passwords_from_its_environment(tmp_path: Path) -> None:
    conf = tmp_path / "nats.conf"
    conf.write_text(authorization({user: f"$NATS_{user.upper()}_PASSWORD" for user in USERS}))
    secrets = {f"NATS_{user.upper()}_PASSWORD": f"secret-{user}" for user in USERS}

    done = subprocess.run(
        [server_binary(), "-t", "-c", str(conf)], env=secrets, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_no_service_may_do_everything() -> None:
    for user in USERS:
        rules = permissions_of(user)
        assert not {">", "*", "evt.>", "$JS.>", "$JS.API.>"} & {*rules.publish, *rules.subscribe}, user


def test_every_question_of_the_gateway_may_be_asked_and_answered() -> None:
    from typing import get_args

    from services.gateway.workers import Question

    for question in get_args(Question):
        service, _, verb = question.partition(".")
        assert f"ask.{service}.*" in permissions_of("gateway").publish, question
        answering = permissions_of(service)
        assert f"ask.{service}.*" in answering.subscribe, question
        assert answering.answers, verb
