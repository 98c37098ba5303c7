"""Fair shares: a fleet of replicas played through, and what every user may rely on."""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.queueing.shares import Turn, due


@dataclass
class Fleet:
    """Replicas that take jobs from one queue in order of arrival, as the platform's do."""

    replicas: int
    least: int
    weights: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, deque[Turn]] = field(default_factory=dict)
    queue: deque[Turn] = field(default_factory=deque)
    running: list[tuple[float, int, Turn]] = field(default_factory=list)
    started: list[Turn] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    now: float = 0.0

    def ask(self, jobs: list[Turn]) -> None:
        """Plan a run: its jobs wait, and what is due of its owner is released."""
        for job in jobs:
            self.waiting.setdefault(job.owner, deque()).append(job)
        for owner in {job.owner for job in jobs}:
            self._release(owner)

    def _release(self, owner: str) -> None:
        mine = self.waiting[owner]
        turns = due(
            list(islice(mine, self.least * 20 + self.replicas + 1)),
            queued=[turn.owner for turn in self.queue],
            running=[turn.owner for _, _, turn in self.running],
            weights=self.weights,
            least=self.least,
        )
        assert [mine.popleft() for _ in turns] == turns
        self.queue += turns
        self.released += [turn.job_id for turn in turns]

    def take_all(self, seconds: float = 1.0) -> None:
        """Let free replicas take jobs; each that takes one releases the next of its owner."""
        while self.queue and len(self.running) < self.replicas:
            turn = self.queue.popleft()
            self.started.append(turn)
            heapq.heappush(self.running, (self.now + seconds, len(self.started), turn))
            self._release(turn.owner)

    def end_one(self) -> None:
        self.now = heapq.heappop(self.running)[0]

    def play(self, steps: int) -> None:
        self.take_all()
        for _ in range(steps):
            if not self.running:
                return
            self.end_one()
            self.take_all()


def jobs_of(owner: str, count: int) -> list[Turn]:
    return [Turn(f"{owner}-{n}", owner) for n in range(count)]


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    replicas=st.integers(1, 9),
    least=st.integers(1, 4),
    heavy=st.floats(0.1, 20.0),
)
def test_every_job_is_released_and_started_once_and_no_replica_waits_beside_a_backlog(
    sizes: list[int], replicas: int, least: int, heavy: float
) -> None:
    fleet = Fleet(replicas, least, {"user0": heavy})
    for n, size in enumerate(sizes):
        fleet.ask(jobs_of(f"user{n}", size))

    fleet.take_all()
    while fleet.running:
        assert len(fleet.running) == replicas or not any(fleet.waiting.values())
        fleet.end_one()
        fleet.take_all()

    assert sorted(fleet.released) == sorted(turn.job_id for turn in fleet.started)
    assert len(set(fleet.released)) == len(fleet.released) == sum(sizes)


@settings(max_examples=100, deadline=None)
@given(
    backlog=st.integers(50, 400), replicas=st.integers(1, 8), least=st.integers(1, 4), late=st.integers(0, 40)
)
def test_one_job_waits_for_a_few_of_another_users_however_many_those_are(
    backlog: int, replicas: int, least: int, late: int
) -> None:
    fleet = Fleet(replicas, least)
    fleet.ask(jobs_of("anna", backlog))
    fleet.play(late)
    before = len(fleet.started)

    fleet.ask(jobs_of("bert", 1))
    fleet.play(backlog)

    ahead = [turn.owner for turn in fleet.started[before:]].index("bert")
    assert ahead <= max(least, replicas)


@settings(max_examples=60, deadline=None)
@given(replicas=st.integers(1, 8), weight=st.integers(1, 5), least=st.integers(2, 4))
def test_backlogs_share_the_replicas_by_weight(replicas: int, weight: int, least: int) -> None:
    fleet = Fleet(replicas, least, {"anna": float(weight)})
    fleet.ask(jobs_of("anna", 1_500))
    fleet.play(50)  # anna alone had the whole fleet for a while
    fleet.ask(jobs_of("bert", 1_500))
    fleet.play(200)
    before = len(fleet.started)

    fleet.play(600)

    owners = [turn.owner for turn in fleet.started[before:]]
    share = owners.count("anna") / len(owners)
    assert math.isclose(share, weight / (weight + 1), abs_tol=0.12)


def test_the_queue_grows_with_the_replicas_so_that_depth_tells_whether_more_would_help() -> None:
    depths = []
    for replicas in (1, 4, 16):
        fleet = Fleet(replicas, 2)
        fleet.ask(jobs_of("anna", 200))
        fleet.play(50)
        depths.append(len(fleet.queue))

    assert depths == [2, 4, 16]


def test_a_light_user_has_a_place_too() -> None:
    turns = due(
        jobs_of("light", 3), queued=["heavy"] * 8, running=["heavy"] * 4, weights={"light": 0.01}, least=2
    )

    assert [turn.job_id for turn in turns] == ["light-0"]
