-- Which conversations begin with which other ones: a line for each whole conversation that some other begins with, and for
-- each place in another at which one of those ends. `prefix_set` is equal where the turns up to there are, the first row
-- that ends so; `whole` says whether the record ends there. So the lines grow with the records, not with their pairs.
-- `parts` (registered) and the list of the parts' files are those of gather.sql.
with chains as (
    select
        parts.base_row + part.file_row_number as row,
        part.chain_key,
        part.prefix_keys
    from read_parquet($key_files, filename = true, file_row_number = true) as part
    join parts on parts.key_file = part.filename
),

inside as (
    select row, unnest(prefix_keys) as chain_key from chains where len(prefix_keys) > 0
),

ends as (
    select row, chain_key from chains where chain_key in (select chain_key from inside)
),

sets as (
    select chain_key, min(row) as prefix_set from ends group by chain_key
)

select row, prefix_set, true as whole from ends join sets using (chain_key)
union all
select row, prefix_set, false from inside join sets using (chain_key)
order by prefix_set, whole, row
