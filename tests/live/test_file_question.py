"""A question about a file is answered with an option; the bytes are not sent again."""

import pytest

from tests.live.conftest import OpenYard
from trainyard.client import ApiError

pytestmark = [pytest.mark.live]

DOUBLED = "time,load\n" + "".join(f"2024-03-{d:02d},{k}\n" for d in range(1, 29) for k in (1, 2))


async def test_a_question_is_answered_without_sending_the_file_again(open_yard: OpenYard) -> None:
    async with open_yard() as yard:
        session = await yard.client.create_session("question")
        with pytest.raises(ApiError) as asked:
            await yard.client.upload(session, DOUBLED.encode(), role="input", name="load.csv")
        problem = asked.value.problem()
        [file] = await yard.client.files(session)

        answered = await yard.client.answer(session, file.id, {"doubled": "sum"})

        assert problem.code == "DOUBLED_STAMPS"
        assert answered.series[0].statistics["n"] == 28
        assert answered.series[0].statistics["min"] == answered.series[0].statistics["max"] == 3
        assert [file.status for file in await yard.client.files(session)] == ["ready"]
        with pytest.raises(ApiError, match="nothing is asked"):
            await yard.client.answer(session, answered.id, {"doubled": "mean"})
