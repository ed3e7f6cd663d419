"""A dataset as a Dagster asset: its data version is ours, its metadata come from the events of the run.

Put this file and dataprep_job.py into a code location, and `dataprep` into its environment.
"""

from __future__ import annotations

import dataprep_job
from dagster import (
    AssetExecutionContext,
    DataVersion,
    Definitions,
    Failure,
    MaterializeResult,
    RetryRequested,
    ScheduleDefinition,
    asset,
    define_asset_job,
)

PIPELINE = "/srv/datasets/support.yaml"
STORE = "/srv/store"


@asset(group_name="datasets", kinds={"parquet"})
def support_dataset(context: AssetExecutionContext) -> MaterializeResult:
    """The dataset `support`. An unchanged version keeps its data version, so nothing downstream becomes stale."""
    outcome = dataprep_job.run(
        dataprep_job.command(PIPELINE, STORE), lambda event: context.log.info(event["message"] or event["step"])
    )
    if outcome.action == "retry":
        raise RetryRequested(max_retries=3, seconds_to_wait=300)
    if outcome.action != "done":
        raise Failure(f"{outcome.action}: {outcome.message}", allow_retries=False)
    result = outcome.result
    return MaterializeResult(
        data_version=DataVersion(result["version_id"]),
        metadata={
            "version": f"{result['dataset']}@{result['number']}",
            "run": outcome.run_id,
            "path": result["path"],
            "dagster/row_count": result["counts"]["kept"],
            "dropped": result["counts"]["dropped"],
            "held": result["counts"]["held"],
            "rejects": result["counts"]["rejects"],
        },
    )


nightly = define_asset_job("nightly_datasets", selection=[support_dataset])
definitions = Definitions(
    assets=[support_dataset],
    jobs=[nightly],
    schedules=[ScheduleDefinition(job=nightly, cron_schedule="0 3 * * *", execution_timezone="UTC")],
)
