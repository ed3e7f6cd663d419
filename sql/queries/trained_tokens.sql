-- title: From raw rows to trained tokens
-- question: How many rows, records and examples remained after each step, and how many tokens are trained on?
WITH examples AS (
    SELECT
        *,
        bool_or(outcome IN ('trained', 'cut', 'cut_lost_end')) OVER (PARTITION BY run, settings, record_id) AS learnt
    FROM tokens
),
outcomes AS (
    SELECT
        dataset, version, run, settings, model, max_length, split, outcome,
        count(DISTINCT record_id) AS records, count(*) AS examples, sum(tokens) AS tokens,
        sum(trained_tokens) AS trained_tokens,
        -- a record with several answers is lost with the last of them
        count(DISTINCT record_id) FILTER (NOT learnt AND outcome = first_outcome) AS lost
    FROM (
        SELECT *, min(outcome) OVER (PARTITION BY run, settings, record_id) AS first_outcome
        FROM examples
    )
    GROUP BY ALL
),
splits AS (
    SELECT run, settings, split, count(DISTINCT record_id) AS records
    FROM tokens
    GROUP BY ALL
)
SELECT * EXCLUDE (run, position, place)
FROM (
    SELECT
        dataset, version, run, position, 0 AS place, step, rule, action, records, remaining,
        NULL::BIGINT AS examples, NULL::HUGEINT AS tokens, NULL::HUGEINT AS trained_tokens,
        NULL::VARCHAR AS model, NULL::INTEGER AS max_length, NULL::VARCHAR AS settings
    FROM funnel
    UNION ALL BY NAME
    SELECT
        dataset, version, run, NULL::INTEGER AS position, if(outcome = 'trained', 1, 0) AS place,
        'tokens' AS step, outcome AS rule, split AS action, outcomes.records,
        -- of the split: in the line of what is trained on whole, which comes last, all that is trained on
        splits.records - sum(lost) OVER (
            PARTITION BY run, settings, split ORDER BY if(outcome = 'trained', 1, 0), outcome
        ) AS remaining,
        examples, tokens, trained_tokens, model, max_length, left(settings, 12) AS settings
    FROM outcomes
    JOIN splits USING (run, settings, split)
    UNION ALL BY NAME
    SELECT DISTINCT
        funnel.dataset, funnel.version, funnel.run, NULL::INTEGER AS position, 0 AS place,
        'tokens' AS step, 'not_trained_on' AS rule, funnel.rule AS action, funnel.records, funnel.records AS remaining,
        outcomes.model, outcomes.max_length, left(outcomes.settings, 12) AS settings
    FROM funnel
    JOIN outcomes USING (run)
    WHERE funnel.step = 'result' AND funnel.rule = 'test'
)
ORDER BY
    dataset, version, run, settings NULLS FIRST, position,
    CASE action WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END, place, rule;
