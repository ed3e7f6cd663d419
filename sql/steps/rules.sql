-- title: firings of one rule
-- question: which records meet this rule, and by what value?
-- One branch of a UNION ALL over all rules. Braces are filled by dataprep.rules.compile with checked expressions whose
-- constants are bound parameters.
SELECT
    t.{row} AS "row",
    CAST({name} AS VARCHAR) AS rule,
    CAST({index} AS INTEGER) AS rule_index,
    CAST({action} AS VARCHAR) AS action,
    CAST({value} AS DOUBLE) AS value,
    CAST({value_text} AS VARCHAR) AS value_text,
    CAST({threshold} AS DOUBLE) AS threshold
FROM {table} AS t
WHERE {condition}
