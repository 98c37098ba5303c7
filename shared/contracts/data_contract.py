"""What a model expects of its series: learned from the upload, kept in its passport, checked at forecasts."""

from pydantic import BaseModel, ConfigDict


class SeriesContract(BaseModel):
    """One series of a model; null is what nobody knows. ``lowest`` and ``highest`` show its unit."""

    model_config = ConfigDict(frozen=True)

    series_id: str
    name: str
    role: str
    column: str
    file_name: str | None = None
    step_minutes: float | None = None
    timezone: str | None = None
    interval_end_minutes: float | None = None
    lowest: float | None = None
    highest: float | None = None
