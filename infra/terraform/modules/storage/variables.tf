variable "name" {
  description = "Name of the cluster; the bucket is called after it, the account and the region."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "A KMS key of yours to encrypt with. Left out, S3's own keys do it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not an alias."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the corpus. It does not otherwise."
  type        = bool
  default     = false
  nullable    = false
}

variable "noncurrent_days" {
  description = "How long overwritten and deleted objects can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of days, at least 1."
  }
}
