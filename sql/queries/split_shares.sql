-- title: Splits by source
-- question: How are the records of each source divided between the splits?
SELECT
    dataset,
    version,
    source,
    split,
    count(*) AS n_records,
    round(count(*) / sum(count(*)) OVER (PARTITION BY dataset, version, run, source), 4) AS share_of_source
FROM records
WHERE status = 'kept'
GROUP BY dataset, version, run, source, split
ORDER BY dataset, version, source, n_records DESC, split;
