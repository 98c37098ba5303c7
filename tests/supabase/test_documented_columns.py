"""Whoever asks the tables directly finds the columns the system documents name, of their own rows only."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from services.gateway.runs.phases import OF_EVENT
from services.gateway.sessions.listing import stage_of
from shared.contracts.base import new_id, utc_now
from shared.contracts.kinds import LinearSpec
from shared.storage.connect import Storage
from shared.storage.rows import FileRow, JobRow, LogRow, PlotRow, ResultRow, RunRow, TableRow
from tests.supabase.conftest import User
from tests.support.supabase import PUBLISHABLE_KEY, LocalSupabase, mint

DOCUMENTED: Mapping[str, str] = {
    "training_sessions": "id,session_id,status,created_at,updated_at,user_id,configuration,metadata",
    "training_files": "id,session_id,file_name,file_type,file_size,storage_path,uploaded_at",
    "training_results": (
        "id,session_id,evaluation_metrics,model_performance,best_model,summary,status,completed_at"
    ),
    "training_visualizations": "id,session_id,plot_name,plot_type,metadata,created_at",
    "training_logs": "id,session_id,message,level,step_number,step_name,progress_percentage,created_at",
    "sessions": "id,session_id,user_id,status,n_dat,session_name,file_count,metadata,created_at,updated_at",
    "evaluation_tables": "session_id,df_eval,df_eval_ts,model_type,created_at,updated_at",
    "scalers": "session_id,role,position,name,parameters",
}


async def asked(supabase: LocalSupabase, table: str, token: str, **query: str) -> httpx.Response:
    headers = {"apikey": PUBLISHABLE_KEY, "authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{supabase.url}/rest/v1/", headers=headers) as http:
        return await http.get(table, params={"select": DOCUMENTED[table], **query})


async def rows_of(supabase: LocalSupabase, table: str, user: User, **query: str) -> list[dict[str, Any]]:
    answer = await asked(supabase, table, mint(user.id), **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def finished_run(service: Storage, user: User, status: str = "completed") -> tuple[RunRow, JobRow]:
    about = {"owner": user.id, "session_id": user.session.id}
    run = RunRow.model_validate(
        {"id": new_id(), **about, "dataset_id": new_id(), "models": [{"kind": "lin"}], "status": status}
    )
    job = JobRow.model_validate(
        {
            "id": new_id(), **about, "run_id": run.id, "dataset_id": run.dataset_id, "position": 0,
            "kind": "lin", "label": "LIN", "spec": LinearSpec().model_dump(mode="json"),
            "status": "finished", "seconds": 1.5,
        }
    )  # fmt: skip
    run = run.model_copy(update={"best_job_id": job.id, "finished_at": utc_now()})
    scores = ResultRow.model_validate(
        {
            "id": job.id, **about, "run_id": run.id, "label": "LIN", "kind": "lin", "scores": {},
            "headline": {"mae": 2.0},
        }
    )  # fmt: skip
    await service.records.insert([run])
    await service.records.insert([job])
    await service.records.insert([scores])
    return run, job


@pytest.mark.parametrize("table", DOCUMENTED)
async def test_every_documented_column_can_be_selected_and_only_by_the_owner(
    supabase: LocalSupabase, service: Storage, alice: User, bob: User, table: str
) -> None:
    about = {"id": new_id(), "owner": alice.id, "session_id": alice.session.id}
    run, _ = await finished_run(service, alice)
    await service.records.insert(
        [
            FileRow.model_validate({**about, "role": "input", "file_name": "a.csv", "total_chunks": 1}),
            PlotRow.model_validate({**about, "name": "violin", "kind": "violin", "object_key": "x"}),
            LogRow.model_validate({**about, "message": "m", "details": {"event": "run.planned"}}),
            TableRow.model_validate(
                {**about, "run_id": run.id, "name": "evaluation", "content": {"df_eval": {"a": 1}}}
            ),
        ]
    )

    mine = await rows_of(supabase, table, alice)
    theirs = await rows_of(supabase, table, bob)
    nobodys = await asked(supabase, table, PUBLISHABLE_KEY)

    assert all(set(row) == set(DOCUMENTED[table].split(",")) for row in mine)
    assert table == "scalers" or any(alice.session.id in str(row).replace("-", "") for row in mine)
    assert not any(alice.session.id in str(row).replace("-", "") for row in theirs)
    assert nobodys.status_code in (401, 403)


@pytest.mark.parametrize(
    ("files", "run", "word"),
    [
        ([], None, "uploading"),
        (["receiving"], None, "uploading"),
        (["ready"], None, "configuring"),
        (["ready", "rejected"], None, "failed"),
        (["ready"], "waiting", "processing"),
        (["ready"], "completed", "completed"),
        (["ready"], "failed", "failed"),
        (["ready"], "cancelled", "configuring"),
    ],
)
async def test_a_session_has_one_of_the_five_words_as_the_gateway_tells_it(
    supabase: LocalSupabase, service: Storage, alice: User, files: list[str], run: str | None, word: str
) -> None:
    about = {"owner": alice.id, "session_id": alice.session.id}
    rows = [
        FileRow.model_validate(
            {
                "id": new_id(), **about, "role": "input", "file_name": "a.csv", "total_chunks": 1,
                "status": s,
            }
        )
        for s in files
    ]  # fmt: skip
    await service.records.insert(rows)
    runs = [(await finished_run(service, alice, run))[0]] if run else []

    (told,) = await rows_of(supabase, "training_sessions", alice, status=f"eq.{word}")
    (seen,) = await rows_of(supabase, "sessions", alice)

    assert told["status"] == seen["status"] == word == stage_of(rows, runs)
    assert (seen["file_count"], seen["session_name"]) == (len(files), alice.session.name)


async def test_results_say_the_best_model_and_how_each_did(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    _, job = await finished_run(service, alice)

    (row,) = await rows_of(supabase, "training_results", alice)

    assert row["status"] == "completed"
    assert row["completed_at"]
    assert row["best_model"] == {
        "job_id": job.id, "label": "LIN", "kind": "lin", "metrics": {"mae": 2.0},
    }  # fmt: skip
    assert row["model_performance"]["LIN"]["seconds"] == 1.5
    assert (row["summary"]["n_models"], row["summary"]["n_finished"]) == (1, 1)


async def test_lines_of_the_log_name_the_phases_the_gateway_names(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    lines = [
        LogRow.model_validate(
            {
                "id": new_id(), "owner": alice.id, "session_id": alice.session.id, "message": event,
                "details": {"event": event},
            }
        )
        for event in [*OF_EVENT, "another"]
    ]  # fmt: skip
    await service.records.insert(lines)

    found = {row["message"]: row for row in await rows_of(supabase, "training_logs", alice)}

    for event, step in OF_EVENT.items():
        row = found[event]
        told = (row["step_number"], row["step_name"], row["progress_percentage"])
        assert told == (step.number, step.name, step.percent)
    assert found["another"]["step_number"] is None


async def test_a_session_is_found_by_the_id_its_client_gave_it(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    named = {"metadata": {"client_id": "session_1764100000"}}
    await service.records.update(type(alice.session), alice.session.id, named)

    (row,) = await rows_of(supabase, "training_sessions", alice, session_id="eq.session_1764100000")

    assert row["id"] == alice.session.id


@pytest.mark.parametrize("table", [name for name in DOCUMENTED if name != "scalers"])
async def test_sql_finds_the_documented_columns_by_the_tables_alias(
    supabase: LocalSupabase, table: str
) -> None:
    columns = ", ".join(f"t.{name}" for name in DOCUMENTED[table].split(","))

    found = await supabase.sql(f"select {columns} from public.{table} t limit 1")

    assert all(set(row.keys()) == set(DOCUMENTED[table].split(",")) for row in found)
