-- title: Rules that always come second
-- question: Which rules fire, but mostly on records that another rule removes anyway?
SELECT
    dataset,
    version,
    step,
    rule,
    action,
    count(*) AS n_fired,
    count(*) FILTER (WHERE decisive) AS n_decisive,
    round(count(*) FILTER (WHERE decisive) / count(*), 4) AS share_decisive
FROM ledger
WHERE action IN ('drop', 'hold')
GROUP BY dataset, version, run, step, rule, action
ORDER BY dataset, version, share_decisive, n_fired DESC, rule;
