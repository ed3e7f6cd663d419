-- The tables that deciding works on: what is decided about records.
-- Every firing of every rule and step; `position` is the order in which decisive verdicts are looked for.
create table verdicts (
    row bigint,
    step varchar,
    rule varchar,
    position integer,
    action varchar,
    value double,
    threshold double,
    partner bigint,
    similarity double,
    detail varchar
);

-- What has become of each record so far: status null means still in.
create table fate (row bigint, status varchar, step varchar, rule varchar, partner bigint);

-- What people decided about single records.
create table manual (row bigint, decision varchar, split varchar, detail varchar);
