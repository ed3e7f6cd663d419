"""The floor: DuckDB reads the Parquet file and writes it again, with the same compression."""

import sys

import duckdb

source, target = sys.argv[1:]
con = duckdb.connect(config={"threads": 2})
con.execute(
    f"copy (from read_parquet($source)) to '{target}' "
    "(format parquet, compression zstd, compression_level 3, row_group_size 100000)",
    {"source": source},
)
