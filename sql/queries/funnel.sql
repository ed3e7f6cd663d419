-- title: The funnel
-- question: How many records did each step and rule take, and how many remained?
SELECT dataset, version, step, rule, action, records, fired, remaining
FROM funnel
ORDER BY dataset, version, run, position;
