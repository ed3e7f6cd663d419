-- title: Why rows were rejected
-- question: Which files have rows that could not become records, why, and where is the first one?
SELECT dataset, version, run, source, path, reason, count(*) AS n_rows, min(line) AS first_line, min(detail) AS example
FROM rejects
GROUP BY dataset, version, run, source, path, reason
ORDER BY dataset, version, run, n_rows DESC, path, reason;
