-- title: What cleaners changed
-- question: How many records did each cleaner change, and what did it replace most often?
WITH edits AS (
    SELECT dataset, version, run, rule AS cleaner, record_id, unnest(edits) AS edit
    FROM ledger
    WHERE action = 'edit'
)
SELECT
    dataset,
    version,
    cleaner,
    edit.original AS original,
    edit.replacement AS replacement,
    count(DISTINCT record_id) AS n_records,
    count(*) AS n_edits,
    min(record_id) AS example_id
FROM edits
GROUP BY dataset, version, run, cleaner, original, replacement
ORDER BY dataset, version, n_edits DESC, cleaner, original
LIMIT 100;
