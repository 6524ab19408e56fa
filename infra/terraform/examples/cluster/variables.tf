# The modules describe, check and default each of these; null means their default.

variable "name" {
  type = string
}

variable "region" {
  description = "AWS region."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.availability_zone, var.region)
    error_message = "availability_zone must be in region."
  }
}

variable "availability_zone" {
  type = string
}

variable "cidr" {
  type    = string
  default = null
}

variable "kms_key_arn" {
  type    = string
  default = null
}

variable "force_destroy" {
  type    = bool
  default = null
}

variable "weights_uri" {
  type    = string
  default = null
}

variable "head_instance_type" {
  type    = string
  default = null
}

variable "teacher_instance_type" {
  type    = string
  default = null
}

variable "teacher_replicas" {
  type    = number
  default = null
}

variable "teacher_nodes_per_replica" {
  type    = number
  default = null
}

variable "capacity_market" {
  type    = string
  default = null
}

variable "capacity_reservation_id" {
  type    = string
  default = null
}

variable "verifier_instance_type" {
  type    = string
  default = null
}

variable "verifier_max_nodes" {
  type    = number
  default = null
}

variable "verifier_spot" {
  type    = bool
  default = null
}

variable "image_id" {
  type    = string
  default = null
}

variable "teacher_image_id" {
  type    = string
  default = null
}

variable "idle_timeout_minutes" {
  type    = number
  default = null
}

variable "head_auto_stop_minutes" {
  type    = number
  default = null
}

variable "join_timeout_minutes" {
  type    = number
  default = null
}

variable "monthly_budget_usd" {
  type = number
}

variable "budget_emails" {
  type = list(string)
}

variable "prices" {
  type = object({
    source       = string
    date         = string
    usd_per_hour = map(number)
    nat_gateway  = optional(number, 0.045)
  })
  default = null
}

variable "permissions_boundary_arn" {
  type    = string
  default = null
}

variable "tags" {
  type    = map(string)
  default = {}
}
