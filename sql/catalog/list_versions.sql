-- The versions of one dataset, or of all where $dataset is null, for `dataprep versions`.
SELECT
    dataset,
    version,
    left(version_id, 12) AS id,
    CASE WHEN is_latest THEN 'latest' WHEN is_candidate THEN 'candidate' WHEN version IS NULL THEN 'unpublished' END AS name,
    coalesce(published_at, created_at) AS time_utc,
    shape,
    n_rows,
    n_rejects,
    n_kept,
    n_dropped,
    n_held
FROM versions
WHERE $dataset IS NULL OR dataset = $dataset
ORDER BY dataset, version NULLS LAST, time_utc, id;
