output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.corpus.id
}

output "corpus_uri" {
  description = "What `--store` takes."
  value       = "s3://${aws_s3_bucket.corpus.id}/runs"
}
