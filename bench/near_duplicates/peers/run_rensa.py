"""rensa, Parquet to Parquet: a row stays unless a candidate that stayed is as near by the estimate of the full sketch.

16 bands of 8, as its documentation has them: bands must divide the permutations.
"""

import sys

import pyarrow.parquet as pq
import shingles
from rensa import RMinHash, RMinHashLSH

source, target = sys.argv[1:]
table = pq.read_table(source)
index = RMinHashLSH(0.8, 128, 16)
sketches = {}
row = 0
for texts in shingles.blocks(table):
    for sketch in RMinHash.from_token_sets(map(shingles.of, texts), 128, 42):
        if not any(sketch.jaccard(sketches[other]) >= 0.8 for other in index.query(sketch)):
            index.insert(row, sketch)
            sketches[row] = sketch
        row += 1
pq.write_table(table.take(list(sketches)), target, compression="zstd", compression_level=3)
