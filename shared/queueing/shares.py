"""Weighted fair shares: which waiting jobs of one kind go to the work queue next.

The queue itself serves in order of arrival. What makes it fair is how much of each user is in it: nobody has
more than a few jobs there that nobody fits yet, each taken job brings the next of the same user, and so every
user with a backlog has the share of the replicas that his weight gives him, however long the backlogs are.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """One job that waits, and whose it is."""

    job_id: str
    owner: str


def due(
    waiting: Sequence[Turn],
    *,
    queued: Sequence[str],
    running: Sequence[str],
    weights: Mapping[str, float],
    least: int,
) -> list[Turn]:
    """Return the jobs of one kind that go to the queue now, in fair order.

    Parameters
    ----------
    waiting
        Jobs that are not in the queue, oldest first.
    queued, running
        The owner of each job that is in the queue and not taken, and of each job that is being fitted.
    weights
        By owner, above 0; who is not named has weight 1.
    least
        Jobs of a user of weight 1 that may lie in the queue untaken while nothing is fitted.

    Examples
    --------
    >>> jobs = [Turn(f"a{n}", "anna") for n in range(100)] + [Turn("b0", "bert")]
    >>> [turn.job_id for turn in due(jobs, queued=[], running=[], weights={}, least=2)]
    ['a0', 'b0', 'a1']
    >>> [turn.job_id for turn in due(jobs, queued=["anna", "anna"], running=[], weights={}, least=2)]
    ['b0']
    """
    in_queue = Counter(queued)
    rooms = _rooms(waiting, queued, running, weights, least)
    chosen: list[tuple[float, int, Turn]] = []
    for place, turn in enumerate(waiting):
        if in_queue[turn.owner] < rooms[turn.owner]:
            in_queue[turn.owner] += 1
            # when a queue that serves every user bit by bit would be done with it (virtual finish time)
            finish = in_queue[turn.owner] / weights.get(turn.owner, 1.0)
            chosen.append((finish, place, turn))
    return [turn for _, _, turn in sorted(chosen, key=lambda one: one[:2])]


def _rooms(
    waiting: Sequence[Turn],
    queued: Sequence[str],
    running: Sequence[str],
    weights: Mapping[str, float],
    least: int,
) -> dict[str, int]:
    """Return how many jobs of each user may lie in the queue.

    It grows with the replicas at work, divided among the users with work: so the depth of the queue goes on
    telling an autoscaler that more replicas would have something to do.
    """
    active = {*(turn.owner for turn in waiting), *queued, *running}
    total = sum(weights.get(owner, 1.0) for owner in active)
    rooms = {}
    for owner in active:
        weight = weights.get(owner, 1.0)
        rooms[owner] = max(1, round(least * weight), math.ceil(len(running) * weight / total))
    return rooms
