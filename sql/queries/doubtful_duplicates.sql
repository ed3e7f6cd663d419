-- title: Doubtful duplicates
-- question: Which records went as near duplicates with the lowest similarity to the record that stays?
SELECT
    ledger.dataset,
    ledger.version,
    ledger.rule,
    ledger.similarity,
    ledger.threshold,
    ledger.record_id,
    ledger.partner_id,
    left(gone.text, 200) AS text,
    left(stays.text, 200) AS partner_text
FROM ledger
JOIN records AS gone
    ON ledger.record_id = gone.record_id
    AND ledger.run = gone.run
    AND ledger.version IS NOT DISTINCT FROM gone.version
JOIN records AS stays
    ON ledger.partner_id = stays.record_id
    AND ledger.run = stays.run
    AND ledger.version IS NOT DISTINCT FROM stays.version
WHERE ledger.decisive
    AND ledger.action IN ('drop', 'hold')
    AND ledger.similarity < 1
ORDER BY ledger.similarity, ledger.dataset, ledger.version, ledger.record_id
LIMIT 50;
