-- title: Runs that published nothing
-- question: Which runs stopped, failed or were interrupted, and why?
SELECT run, dataset, status, started_at, seconds, exit_code, message
FROM runs
WHERE status NOT IN ('published', 'unchanged')
ORDER BY started_at DESC, run;
