-- title: The longest records
-- question: Which kept records are the longest, and will they fit into the model's context?
SELECT dataset, version, record_id, split, label, length(text) AS n_characters, path, line, left(text, 100) AS beginning
FROM records
WHERE status = 'kept'
ORDER BY n_characters DESC, dataset, version, record_id
LIMIT 50;
