-- Names and descriptions of the catalog's tables and views.
SELECT view_name AS name, comment AS about
FROM duckdb_views()
WHERE NOT internal
UNION ALL
SELECT table_name AS name, comment AS about
FROM duckdb_tables()
WHERE NOT internal;
