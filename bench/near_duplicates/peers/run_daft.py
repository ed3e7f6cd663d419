"""Daft, Parquet to Parquet: its own normalising and sketches; the first row of each bucket stays.

21 bands of 6, as ours.
"""

import os
import sys

import daft
from daft import col
from daft.functions import chunk, minhash, normalize

source, target = sys.argv[1:]
rows = daft.read_parquet(source)
text = normalize(col("text"), remove_punct=True, lowercase=True, white_space=True)
bands = chunk(minhash(text, num_hashes=126, ngram_size=5, seed=1, hash_function="xxhash"), 6)
keys = rows.select(col("id"), bands.alias("key")).with_column("band", daft.lit(list(range(21))))
buckets = keys.explode("key", "band").groupby("band", "key").agg(col("id").min().alias("first"), col("id").list_agg())
gone = buckets.explode("id").where(col("id") != col("first")).select("id").distinct()
rows.join(gone, on="id", how="anti").write_parquet(target, compression="zstd")
os._exit(0)  # threads of Daft 0.7.26 now and then outlive the interpreter and end it with a fault
