-- Names, types and descriptions of the columns of the catalog's tables and views.
SELECT table_name, column_name, data_type, comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index;
