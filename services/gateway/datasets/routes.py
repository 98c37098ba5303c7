"""Time steps and calendar features of a session."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway.context import RecordsDep, Session, Who, find_session
from services.gateway.datasets.configuration import saved_time_info, saved_time_steps
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, Earlier, EarlierAnswer, SessionId, remarks, spelled
from services.gateway.problems import NothingSaved
from shared.storage.rows import SessionRow

router = APIRouter(tags=["configuration"], route_class=JsonRoute)


class SaveTimeSteps(Earlier):
    """The time steps of a session."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    time_steps: TimeSteps = Field(validation_alias=spelled("timeSteps", "zeitschritte", "time_steps"))


class SaveTimeInfo(Earlier):
    """The calendar features of a session."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    time_info: TimeInfo = Field(validation_alias=spelled("timeFeatures", "timeInfo", "time_info"))


class GermanSteps(BaseModel):
    """Time steps in the words of the earlier frontend."""

    eingabe: int | None
    ausgabe: int | None
    zeitschrittweite: float | None = Field(description="minutes between two windows")
    offset: float | None


class StepsIn(BaseModel):
    """Time steps in our words."""

    input: int | None
    output: int | None
    step_size: float | None = Field(alias="stepSize", description="minutes between two windows")
    offset: float | None


class StepsSaved(EarlierAnswer):
    """The time steps of a session as they are kept."""

    message: str = "The time steps are saved"
    data: GermanSteps
    time_steps: StepsIn = Field(alias="timeSteps")


class StepsTold(Answer):
    """The time steps of a session."""

    data: GermanSteps
    zeitschritte: GermanSteps
    time_steps: StepsIn = Field(alias="timeSteps")


class TimeInfoSaved(EarlierAnswer):
    """The calendar features of a session as they are kept."""

    message: str = "The calendar features are saved"
    data: dict[str, Any] = Field(description="in the words of the earlier frontend")
    time_features: dict[str, Any] = Field(serialization_alias="timeFeatures")


class TimeInfoTold(Answer):
    """The calendar features of a session; empty where nothing was saved."""

    data: dict[str, Any] = Field(description="in the words of the earlier frontend")
    time_info: dict[str, Any] = Field(serialization_alias="timeInfo")
    time_features: dict[str, Any] = Field(serialization_alias="timeFeatures")


@router.post("/save-zeitschritte")
async def save_time_steps(body: SaveTimeSteps, records: RecordsDep, who: Who) -> StepsSaved:
    """Keep how many steps a window has."""
    session = await find_session(records, who, body.session_id)
    stored = body.time_steps.model_dump(mode="json")
    await records.update(SessionRow, session.id, {"time_steps": stored})
    return StepsSaved.model_validate(
        {"data": body.time_steps.german(), "timeSteps": body.time_steps.wire(), **remarks(body)}
    )


@router.get("/get-zeitschritte/{sid}")
async def get_time_steps(session: Session) -> StepsTold:
    """Return how many steps a window has; 404 where nobody said so yet."""
    if not session.time_steps:
        raise NothingSaved("the session has no time steps yet")
    steps = saved_time_steps(session)
    told = {"data": steps.german(), "zeitschritte": steps.german(), "timeSteps": steps.wire()}
    return StepsTold.model_validate(told)


@router.post("/save-time-info")
async def save_time_info(body: SaveTimeInfo, records: RecordsDep, who: Who) -> TimeInfoSaved:
    """Keep which calendar features join the inputs."""
    session = await find_session(records, who, body.session_id)
    body.time_info.calendar()  # refuse now what no data set could be built with
    stored = body.time_info.model_dump(mode="json")
    await records.update(SessionRow, session.id, {"time_info": stored})
    return TimeInfoSaved(
        data=body.time_info.german(),
        time_features=body.time_info.wire(),
        **remarks(body, warnings=body.time_info.warnings()),
    )


@router.get("/get-time-info/{sid}")
async def get_time_info(session: Session) -> TimeInfoTold:
    """Return which calendar features join the inputs."""
    info = saved_time_info(session)
    german = info.german() if session.time_info else {}
    return TimeInfoTold(data=german, time_info=german, time_features=info.wire())
