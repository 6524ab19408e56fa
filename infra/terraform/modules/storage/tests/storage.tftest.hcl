# No account: the provider is a mock.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-2" }
  }
}

variables {
  name = "demo"
}

run "the_bucket_is_closed" {
  command = plan

  assert {
    condition     = aws_s3_bucket.corpus.force_destroy == false
    error_message = "terraform destroy would delete the corpus."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.corpus.block_public_acls, aws_s3_bucket_public_access_block.corpus.block_public_policy,
      aws_s3_bucket_public_access_block.corpus.ignore_public_acls, aws_s3_bucket_public_access_block.corpus.restrict_public_buckets,
    ])
    error_message = "Public access is not blocked."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.corpus.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "The bucket is not encrypted."
  }
  assert {
    condition     = aws_s3_bucket_versioning.corpus.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket is not versioned."
  }
  assert {
    condition     = anytrue([for rule in aws_s3_bucket_lifecycle_configuration.corpus.rule : rule.status == "Enabled" && length(rule.abort_incomplete_multipart_upload) == 1])
    error_message = "Incomplete uploads are kept."
  }
  assert {
    condition = anytrue([for said in jsondecode(aws_s3_bucket_policy.corpus.policy).Statement :
      said.Effect == "Deny" && said.Principal == "*" && said.Action == "s3:*" && said.Condition.Bool["aws:SecureTransport"] == "false"
    ])
    error_message = "The bucket can be reached without TLS."
  }
}

run "with_a_key_of_ones_own" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.corpus.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    error_message = "The key is not used."
  }
}

run "kms_key_arn_an_alias" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}

run "noncurrent_days_none" {
  command = plan
  variables {
    noncurrent_days = 0
  }
  expect_failures = [var.noncurrent_days]
}

run "noncurrent_days_a_half" {
  command = plan
  variables {
    noncurrent_days = 1.5
  }
  expect_failures = [var.noncurrent_days]
}
