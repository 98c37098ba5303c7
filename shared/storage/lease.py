"""A lease: of several processes at most one does the named work, until it lets go or is silent too long."""

from datetime import timedelta

from shared.contracts.base import utc_now
from shared.storage.records import Less, Records
from shared.storage.rows import LeaseRow


async def hold(records: Records, name: str, holder: str, *, owner: str, lasting: timedelta) -> bool:
    """Take the lease of a name if nobody has it or it ran out, or keep one's own; say whether it is held."""
    until = utc_now() + lasting
    if await records.insert([LeaseRow(id=name, owner=owner, holder=holder, until=until)]):
        return True
    mine = {"holder": holder, "until": until}
    kept = await records.update(LeaseRow, name, mine, expect={"holder": holder})
    taken = kept or await records.update(LeaseRow, name, mine, expect={"until": Less(utc_now())})
    return taken is not None
