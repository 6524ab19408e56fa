variable "name" {
  description = "Name of the cluster: its tag, and the first part of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 3 to 20 lower-case letters, digits and single hyphens, and begin with a letter: it becomes part of a bucket's name."
  }
}

variable "subnet_id" {
  description = "The subnet of all nodes."
  type        = string
  nullable    = false
}

variable "subnet_cidr" {
  description = "Its addresses; the head takes the tenth."
  type        = string
  nullable    = false
}

variable "security_group_id" {
  description = "What all nodes belong to."
  type        = string
  nullable    = false
}

variable "bucket" {
  description = "Name of the corpus bucket."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "The key that the bucket is encrypted with, where it is not S3's own."
  type        = string
  default     = null
}

variable "weights_uri" {
  description = "Where the teacher's weights lie: s3://bucket/prefix. Left out: weights/ in the corpus bucket. Teachers read that and nothing else."
  type        = string
  default     = null

  validation {
    condition     = var.weights_uri == null || can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?]*[^*?/]$", var.weights_uri))
    error_message = "weights_uri must be s3://bucket/prefix, without wildcards and without a slash at the end: a whole bucket is more than a teacher may read."
  }
}

# --- nodes ---------------------------------------------------------------------------------------------------------

variable "head_instance_type" {
  description = "The head: Ray's own services, the driver and the recorders. On-demand."
  type        = string
  default     = "m7i.2xlarge"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.head_instance_type))
    error_message = "head_instance_type must be an EC2 instance type such as m7i.2xlarge."
  }
}

variable "teacher_instance_type" {
  description = "A node with GPUs for replicas of the teacher."
  type        = string
  default     = "p5en.48xlarge"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.teacher_instance_type))
    error_message = "teacher_instance_type must be an EC2 instance type such as p5en.48xlarge."
  }
}

variable "teacher_replicas" {
  description = "Replicas of the teacher at most: with teacher_nodes_per_replica the cap on GPU nodes, and so on their cost."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.teacher_replicas >= 1 && var.teacher_replicas <= 64 && floor(var.teacher_replicas) == var.teacher_replicas
    error_message = "teacher_replicas must be a whole number from 1 to 64."
  }
}

variable "teacher_nodes_per_replica" {
  description = "Nodes that one replica spans. More than one: EFA interfaces, and a placement group unless a capacity block has its own."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.teacher_nodes_per_replica >= 1 && var.teacher_nodes_per_replica <= 8 && floor(var.teacher_nodes_per_replica) == var.teacher_nodes_per_replica
    error_message = "teacher_nodes_per_replica must be a whole number from 1 to 8."
  }
}

variable "capacity_market" {
  description = "How teacher nodes are bought: on-demand, spot or capacity-block."
  type        = string
  default     = "on-demand"
  nullable    = false

  validation {
    condition     = contains(["on-demand", "spot", "capacity-block"], var.capacity_market)
    error_message = "capacity_market must be on-demand, spot or capacity-block."
  }

  validation {
    condition     = !(var.capacity_market == "spot" && var.teacher_nodes_per_replica > 1)
    error_message = "capacity_market spot needs teacher_nodes_per_replica = 1: losing one node of a replica loses all of it."
  }

  validation {
    condition     = !(var.capacity_market == "capacity-block" && var.capacity_reservation_id == null)
    error_message = "capacity_market capacity-block needs capacity_reservation_id: buy the block first, then name it here."
  }

  validation {
    condition     = !(var.capacity_market == "spot" && var.capacity_reservation_id != null)
    error_message = "capacity_market spot and capacity_reservation_id exclude each other: spot instances do not run in reservations."
  }
}

variable "capacity_reservation_id" {
  description = "A capacity block, or an on-demand capacity reservation, that teacher nodes run in."
  type        = string
  default     = null

  validation {
    condition     = var.capacity_reservation_id == null || can(regex("^cr-[0-9a-f]{8,17}$", var.capacity_reservation_id))
    error_message = "capacity_reservation_id must look like cr-0123456789abcdef0."
  }
}

variable "verifier_instance_type" {
  description = "A node without GPUs that verifiers and the programs under test run on."
  type        = string
  default     = "c7i.8xlarge"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.verifier_instance_type))
    error_message = "verifier_instance_type must be an EC2 instance type such as c7i.8xlarge."
  }
}

variable "verifier_max_nodes" {
  description = "Verifier nodes at most."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.verifier_max_nodes >= 1 && var.verifier_max_nodes <= 64 && floor(var.verifier_max_nodes) == var.verifier_max_nodes
    error_message = "verifier_max_nodes must be a whole number from 1 to 64."
  }
}

variable "verifier_spot" {
  description = "Buy verifier nodes on the spot market: what they have in hand when they go is judged again."
  type        = bool
  default     = true
  nullable    = false
}

# --- images --------------------------------------------------------------------------------------------------------

variable "image_id" {
  description = "Image of head and verifiers, for example one that infra/image/build.py made. Left out: Amazon Linux 2023, and the environment is installed at first boot."
  type        = string
  default     = null

  validation {
    condition     = var.image_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.image_id))
    error_message = "image_id must look like ami-0123456789abcdef0."
  }
}

variable "teacher_image_id" {
  description = "Image of teachers. Left out: AWS's Deep Learning Base AMI with NVIDIA's driver and EFA (Amazon Linux 2023)."
  type        = string
  default     = null

  validation {
    condition     = var.teacher_image_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.teacher_image_id))
    error_message = "teacher_image_id must look like ami-0123456789abcdef0."
  }
}

# --- a bill that ends ----------------------------------------------------------------------------------------------

variable "idle_timeout_minutes" {
  description = "A worker node that nothing runs on ends after so long."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.idle_timeout_minutes >= 1 && var.idle_timeout_minutes <= 120
    error_message = "idle_timeout_minutes must be from 1 to 120."
  }
}

variable "head_auto_stop_minutes" {
  description = "The head stops after so long without a job and without workers; started again it goes on. 0: never."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.head_auto_stop_minutes == 0 || (var.head_auto_stop_minutes >= 15 && var.head_auto_stop_minutes <= 1440)
    error_message = "head_auto_stop_minutes must be 0 (never) or from 15 to 1440: less would stop a head that is still being used."
  }
}

variable "join_timeout_minutes" {
  description = "A node that has not joined the cluster so long after its boot shuts itself down. Installing takes a few minutes on a head, more on a teacher."
  type        = number
  default     = 25
  nullable    = false

  validation {
    condition     = var.join_timeout_minutes >= 5 && var.join_timeout_minutes <= 60 && floor(var.join_timeout_minutes) == var.join_timeout_minutes
    error_message = "join_timeout_minutes must be a whole number from 5 to 60."
  }
}

variable "monthly_budget_usd" {
  description = "Mail goes out when the account has spent 50 and 80 % of it this month, and when the forecast passes it."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd must be more than 0."
  }
}

variable "budget_emails" {
  description = "Who is told."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.budget_emails) >= 1 && length(var.budget_emails) <= 10 && alltrue([for address in var.budget_emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "budget_emails must be 1 to 10 e-mail addresses: a budget that tells nobody is none."
  }
}

variable "prices" {
  description = "On-demand prices by instance type, for the hourly maximum; put in the prices of your region. AWS lists them at https://aws.amazon.com/ec2/pricing/on-demand/."
  type = object({
    source       = string
    date         = string
    usd_per_hour = map(number)
    nat_gateway  = optional(number, 0.045)
  })
  default = {
    source = "us-east-1 and us-east-2, Linux, on-demand; AWS's price list as quoted in dstackai/dstack #4110 (p5en) and datareceipts/data-receipts, 109-gpu-pricing (p4d, p5)"
    date   = "2026-11-09"
    usd_per_hour = {
      "m7i.xlarge"       = 0.2016
      "m7i.2xlarge"      = 0.4032
      "m7i.4xlarge"      = 0.8064
      "c7i.4xlarge"      = 0.714
      "c7i.8xlarge"      = 1.428
      "c7i.16xlarge"     = 2.856
      "g6.12xlarge"      = 4.6016
      "p4d.24xlarge"     = 21.957642
      "p5.48xlarge"      = 55.04
      "p5en.48xlarge"    = 63.296
      "p6-b200.48xlarge" = 113.9328
    }
  }
  nullable = false

  validation {
    condition     = can(regex("^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", var.prices.date)) && length(var.prices.source) > 0
    error_message = "prices must say where they are from (source) and when they were read (date, YYYY-MM-DD)."
  }

  validation {
    condition     = alltrue([for price in values(var.prices.usd_per_hour) : price > 0])
    error_message = "prices.usd_per_hour must be more than 0 for every instance type."
  }

  validation {
    condition     = alltrue([for type in [var.head_instance_type, var.teacher_instance_type, var.verifier_instance_type] : contains(keys(var.prices.usd_per_hour), type)])
    error_message = "prices.usd_per_hour lacks an instance type of this cluster: add what one hour of it costs in your region."
  }
}

# --- the rest ------------------------------------------------------------------------------------------------------

variable "permissions_boundary_arn" {
  description = "A boundary that your account wants on every role."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy (arn:aws:iam::ACCOUNT:policy/NAME)."
  }
}

variable "tags" {
  description = "Further tags for nodes and their disks. All other resources take the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(key, "ray-") && !startswith(key, "aws:") && key != "tracegen-cluster" && key != "Name"])
    error_message = "tags must not use Name, tracegen-cluster, or keys that begin with ray- or aws:; the cluster is found by them."
  }
}
