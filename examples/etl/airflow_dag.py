"""A nightly dataset in Airflow (3.x): prepare, record lineage, go on only where there is a new version.

Put this file and dataprep_job.py into the DAGs folder, and `dataprep` into the workers' environment.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import dataprep_job
from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

PIPELINE = "/srv/datasets/support.yaml"
STORE = "/srv/store"
LINEAGE = "/srv/lineage/support.ndjson"

log = logging.getLogger(__name__)


@dag(schedule="0 3 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1)
def support_dataset() -> None:
    """Prepare the dataset `support`."""

    @task(retries=3, retry_delay=timedelta(minutes=5), retry_exponential_backoff=True)
    def prepare() -> dict[str, object]:
        """Only a failure of the machine is tried again: the other codes would be the same in five minutes."""
        outcome = dataprep_job.run(dataprep_job.command(PIPELINE, STORE), lambda event: log.info(event["message"]))
        if outcome.action == "retry":
            raise RuntimeError(outcome.message)
        if outcome.action != "done":
            raise AirflowFailException(f"{outcome.action}: {outcome.message}")
        return {"run_id": outcome.run_id, **outcome.result}

    # A command that only reads needs no mapping: any exit code but 0 fails the task.
    lineage = BashOperator(
        task_id="lineage",
        bash_command='dataprep lineage "$RUN" --store "$STORE" >> "$LINEAGE"',
        env={"RUN": "{{ ti.xcom_pull(task_ids='prepare')['run_id'] }}", "STORE": STORE, "LINEAGE": LINEAGE},
        append_env=True,
    )

    @task.short_circuit
    def is_new(result: dict[str, object]) -> bool:
        """Skip what follows, such as a training, where the night brought nothing new."""
        return not result["unchanged"]

    prepared = prepare()
    prepared >> lineage
    is_new(prepared)


support_dataset()
