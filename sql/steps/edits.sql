-- What cleaning changed, with run-local row numbers. The list of the parts' files is put in place of its name;
-- `edit_parts` (registered): file, base_row.
select edit_parts.base_row + part.row_in_part as row, part.cleaner, part.edits, part.error, part.file_row_number as sequence
from read_parquet($edit_files, filename = true, file_row_number = true) as part
join edit_parts on edit_parts.file = part.filename
