-- title: Why records left
-- question: Which rule removed how much of each source, and what share of the source is that?
SELECT
    dataset,
    version,
    source,
    step,
    rule,
    status,
    count(*) AS n_records,
    round(count(*) / sum(count(*)) OVER (PARTITION BY dataset, version, run, source), 4) AS share_of_source
FROM records
GROUP BY dataset, version, run, source, step, rule, status
QUALIFY status <> 'kept'
ORDER BY dataset, version, source, n_records DESC, step, rule;
