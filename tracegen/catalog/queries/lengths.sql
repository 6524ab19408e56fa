-- Lengths: traces of the corpus by completion tokens, in doubling steps, for each domain.
SELECT 1 << floor(log2(greatest(completion_tokens, 1)))::BIGINT AS from_tokens,
  count(*) AS traces,
  round(count(*) / sum(count(*)) OVER (), 4) AS share,
  round(sum(count(*)) OVER (ORDER BY from_tokens DESC) / sum(count(*)) OVER (), 4) AS share_from_here_up,
  count(*) FILTER (domain = 'math') AS math,
  count(*) FILTER (domain = 'code') AS code,
  count(*) FILTER (domain = 'stem') AS stem,
  count(*) FILTER (domain = 'logic') AS logic,
  count(*) FILTER (domain = 'general') AS general
FROM corpus
GROUP BY from_tokens
ORDER BY from_tokens
