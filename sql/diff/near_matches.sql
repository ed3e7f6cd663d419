-- Pairs of records with an exact Jaccard similarity of at least 4/5 over their shingles. `shingles_a`, `shingles_b`
-- (registered): number, shingle, without repetition. $pairs: shingles are used to nominate, the rarest first, until
-- they would nominate more pairs than that.
-- Nomination loses nothing: two sets that reach 4/5 share a shingle among the first n - ceil(4/5 n) + 1 of each in any
-- one order of all shingles (prefix filtering: Chaudhuri, Ganti and Kaushik 2006); the rarest come first here.
with all_shingles as (
    select 'a' as side, number, shingle from shingles_a
    union all
    select 'b', number, shingle from shingles_b
),

frequencies as (
    select shingle, count(*) as records from all_shingles group by shingle
),

sizes as (
    select side, number, count(*) as size from all_shingles group by side, number
),

prefixes as (
    select side, number, shingle, size
    from all_shingles
    join frequencies using (shingle)
    join sizes using (side, number)
    qualify
        row_number() over (partition by side, number order by records, shingle) <= size - (4 * size + 4) // 5 + 1
),

usable as (
    select shingle
    from (
        select shingle, sum(pairs) over (order by pairs, shingle) as total
        from (
            select shingle, count(*) filter (where side = 'a') * count(*) filter (where side = 'b') as pairs
            from prefixes
            group by shingle
        )
        where pairs > 0
    )
    where total <= $pairs
),

nominated as (
    select distinct one.number as a, other.number as b, one.size as size_a, other.size as size_b
    from prefixes as one
    join prefixes as other using (shingle)
    join usable using (shingle)
    where one.side = 'a' and other.side = 'b' and 5 * one.size >= 4 * other.size and 5 * other.size >= 4 * one.size
),

compared as (
    select a, b, any_value(size_a + size_b) as sizes, count(*) as shared
    from nominated
    join shingles_a on shingles_a.number = nominated.a
    join shingles_b on shingles_b.number = nominated.b and shingles_b.shingle = shingles_a.shingle
    group by a, b
)

select a, b, shared / (sizes - shared) as similarity
from compared
where 5 * shared >= 4 * (sizes - shared)
order by similarity desc, a, b;
