-- title: From raw rows to trained tokens
-- question: How many rows, records and examples remained after each step, and how many tokens are trained on?
SELECT * EXCLUDE (run, position)
FROM (
    SELECT
        dataset, version, run, position, step, rule, action, records, remaining,
        NULL::BIGINT AS examples, NULL::HUGEINT AS tokens, NULL::HUGEINT AS trained_tokens,
        NULL::VARCHAR AS model, NULL::INTEGER AS max_length, NULL::VARCHAR AS settings
    FROM funnel
    UNION ALL BY NAME
    SELECT
        dataset, version, run, NULL::INTEGER AS position, 'tokens' AS step, outcome AS rule, split AS action,
        count(DISTINCT record_id) AS records, count(*) AS examples, sum(tokens) AS tokens,
        sum(trained_tokens) AS trained_tokens, model, max_length, left(settings, 12) AS settings
    FROM tokens
    GROUP BY ALL
)
ORDER BY dataset, version, run, settings NULLS FIRST, position, action, rule;
