-- Prompts that were left out before a token was spent, by reason and source, with one to look at.
SELECT reason, source, count(*) AS prompts, min(source_row) AS example_row, any_value(match) AS example_match
FROM left_out
GROUP BY reason, source
ORDER BY reason, source
