-- title: Near misses of rules
-- question: Which records did a rule remove although their value lies within 10 % of its threshold?
SELECT
    ledger.dataset,
    ledger.version,
    ledger.rule,
    ledger.value,
    ledger.threshold,
    round(abs(ledger.value - ledger.threshold) / abs(ledger.threshold), 4) AS distance_share,
    ledger.record_id,
    records.path,
    records.line,
    left(records.text, 200) AS text
FROM ledger
JOIN records
    ON ledger.record_id = records.record_id
    AND ledger.run = records.run
    AND ledger.version IS NOT DISTINCT FROM records.version
WHERE ledger.step = 'rules'
    AND ledger.decisive
    AND ledger.action IN ('drop', 'hold')
    AND ledger.threshold <> 0
    AND abs(ledger.value - ledger.threshold) <= 0.1 * abs(ledger.threshold)
ORDER BY ledger.dataset, ledger.version, ledger.rule, distance_share, ledger.record_id
LIMIT 200;
