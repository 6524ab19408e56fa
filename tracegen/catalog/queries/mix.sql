-- The mix: traces and tokens of the corpus by domain and source, with their shares.
SELECT domain, source, count(*) AS traces,
  round(count(*) / sum(count(*)) OVER (), 4) AS share,
  sum(completion_tokens)::BIGINT AS tokens,
  round(sum(completion_tokens) / sum(sum(completion_tokens)) OVER (), 4) AS token_share,
  round(avg(completion_tokens), 1) AS tokens_per_trace
FROM corpus
GROUP BY domain, source
ORDER BY domain, source
