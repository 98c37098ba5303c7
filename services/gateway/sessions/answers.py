"""What the routes of sessions answer."""

from typing import Literal

from pydantic import BaseModel, Field

from services.gateway.http.wire import Answer, EarlierAnswer


class OpenedData(BaseModel):
    """A session as the system documents name it."""

    session_id: str
    uuid: str
    session_uuid: str = Field(serialization_alias="sessionUuid")
    status: Literal["initialized"] = "initialized"
    directory: str = Field(description="where its bytes are kept")


class SessionOpened(EarlierAnswer):
    """A session that is there now."""

    session_id: str = Field(serialization_alias="sessionId")
    session_uuid: str = Field(serialization_alias="sessionUuid")
    message: str
    data: OpenedData


class SessionUuid(BaseModel):
    """A session's ids."""

    session_uuid: str = Field(serialization_alias="sessionUuid")
    session_id: str = Field(serialization_alias="sessionId", description="as it was asked for")


class UuidAnswer(Answer):
    """The canonical id behind an alias."""

    data: SessionUuid


class UploadsState(Answer):
    """How far a session's uploads are."""

    status: Literal["pending", "processing", "completed", "error"]
    progress: float
    message: str
    finalized: bool


class FinalizedData(BaseModel):
    """A finalized session as the system documents name it."""

    session_id: str
    status: Literal["finalized"] = "finalized"
    database_saved: bool = True


class Finalized(EarlierAnswer):
    """A session nobody uploads to any more."""

    session_id: str = Field(serialization_alias="sessionId")
    message: str
    n_dat: int | None = Field(description="windows of the newest data set; before it, rows of all files")
    file_count: int
    data: FinalizedData


class NamedSession(BaseModel):
    """A session and its name."""

    session_id: str = Field(serialization_alias="sessionId")
    session_name: str = Field(serialization_alias="sessionName")


class Renamed(EarlierAnswer):
    """A session under its new name."""

    session_id: str = Field(serialization_alias="sessionId")
    session_name: str = Field(serialization_alias="sessionName")
    message: str
    data: NamedSession


class DeletedData(BaseModel):
    """A deletion as the system documents name it."""

    session_id: str
    deleted_from_database: dict[str, int]
    local_files_deleted: int
    status: Literal["deleted"] = "deleted"


class SessionDeletedAnswer(Answer):
    """A session that is gone."""

    session_id: str
    message: str
    deleted: dict[str, int] = Field(description="rows by table, and objects")
    data: DeletedData


class DeletedSummary(BaseModel):
    """What was deleted, in numbers."""

    database_records_deleted: int
    storage_files_deleted: int
    local_directories_deleted: int = 0
    local_files_deleted: int = 0


class DeletedDetails(BaseModel):
    """What was deleted, by place."""

    deleted_counts: dict[str, int] = Field(description="rows by table")
    storage_deleted: dict[str, int] = Field(description="objects, in one bucket")


class AllDeleted(EarlierAnswer):
    """Nothing of the caller is left."""

    message: str
    deleted: dict[str, int] = Field(description="rows by table, and objects")
    deleted_count: int = Field(description="of sessions")
    summary: DeletedSummary
    details: DeletedDetails


class Cleaned(EarlierAnswer):
    """What a clean-up removed."""

    cleaned: int = Field(description="unfinished uploads")
    message: str
