-- title: Labels by split
-- question: Does every split have the labels of the whole, in like shares?
SELECT
    dataset,
    version,
    label,
    count(*) AS n_records,
    count(*) FILTER (WHERE split = 'train') AS n_train,
    count(*) FILTER (WHERE split = 'validation') AS n_validation,
    count(*) FILTER (WHERE split = 'test') AS n_test,
    round(count(*) FILTER (WHERE split = 'train') / count(*), 4) AS share_train,
    round(count(*) FILTER (WHERE split = 'validation') / count(*), 4) AS share_validation,
    round(count(*) FILTER (WHERE split = 'test') / count(*), 4) AS share_test
FROM records
WHERE status = 'kept' AND label IS NOT NULL
GROUP BY dataset, version, run, label
ORDER BY dataset, version, n_records DESC, label;
