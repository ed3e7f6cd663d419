-- title: Versions of each dataset
-- question: How did the number of kept, dropped and held records change from version to version?
SELECT
    dataset,
    version,
    left(version_id, 12) AS id,
    published_at,
    n_rows,
    n_rejects,
    n_kept,
    n_dropped,
    n_held,
    n_kept - lag(n_kept) OVER (PARTITION BY dataset ORDER BY version) AS change_of_kept
FROM versions
ORDER BY dataset, version;
