"""Time steps and calendar features of a session."""

from fastapi import APIRouter
from pydantic import Field

from services.gateway.context import Here, Session, Who, find_session
from services.gateway.datasets.configuration import saved_time_info, saved_time_steps
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, SessionId, Wire, spelled
from shared.storage.rows import SessionRow

router = APIRouter(tags=["configuration"], route_class=JsonRoute)


class SaveTimeSteps(Wire):
    """The time steps of a session."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    time_steps: TimeSteps = Field(validation_alias=spelled("timeSteps", "zeitschritte", "time_steps"))


class SaveTimeInfo(Wire):
    """The calendar features of a session."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    time_info: TimeInfo = Field(validation_alias=spelled("timeFeatures", "timeInfo", "time_info"))


@router.post("/save-zeitschritte")
async def save_time_steps(body: SaveTimeSteps, gateway: Here, who: Who) -> Answer:
    """Keep how many steps a window has."""
    session = await find_session(gateway, who, body.session_id)
    stored = body.time_steps.model_dump(mode="json")
    await gateway.records.update(SessionRow, session.id, {"time_steps": stored})
    return Answer(data=body.time_steps.german(), timeSteps=body.time_steps.wire())


@router.get("/get-zeitschritte/{sid}")
async def get_time_steps(session: Session) -> Answer:
    """Return how many steps a window has."""
    steps = saved_time_steps(session)
    return Answer(data=steps.german(), zeitschritte=steps.german(), timeSteps=steps.wire())


@router.post("/save-time-info")
async def save_time_info(body: SaveTimeInfo, gateway: Here, who: Who) -> Answer:
    """Keep which calendar features join the inputs."""
    session = await find_session(gateway, who, body.session_id)
    body.time_info.calendar()  # refuse now what no data set could be built with
    stored = body.time_info.model_dump(mode="json")
    await gateway.records.update(SessionRow, session.id, {"time_info": stored})
    return Answer(data=body.time_info.german(), timeFeatures=body.time_info.wire())


@router.get("/get-time-info/{sid}")
async def get_time_info(session: Session) -> Answer:
    """Return which calendar features join the inputs."""
    info = saved_time_info(session)
    return Answer(data=info.german(), timeInfo=info.german(), timeFeatures=info.wire())
