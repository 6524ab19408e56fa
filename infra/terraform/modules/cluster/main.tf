# A head that stays, and what it may launch: teacher nodes with GPUs, verifier nodes without. Ray's autoscaler launches and
# ends them; Terraform never knows them (see `tracegen cluster down`).

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

data "aws_ec2_instance_type" "node" {
  for_each      = { teacher = var.teacher_instance_type, verifier = var.verifier_instance_type }
  instance_type = each.value

  lifecycle {
    postcondition {
      condition     = each.key != "teacher" || length(self.gpus) > 0
      error_message = "teacher_instance_type ${var.teacher_instance_type} has no GPUs."
    }
    postcondition {
      condition     = each.key != "teacher" || var.teacher_nodes_per_replica == 1 || self.efa_supported
      error_message = "teacher_instance_type ${var.teacher_instance_type} has no EFA; a replica that spans nodes needs it."
    }
  }
}

# The newest image of its kind, when a node is first planned; see `ignore_changes` at the head.
data "aws_ssm_parameter" "image" {
  for_each = merge(
    var.image_id == null ? { other = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64" } : {},
    var.teacher_image_id == null ? { teacher = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id" } : {},
  )
  name = each.value
}

locals {
  region    = data.aws_region.this.name
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  ec2_arn   = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  # Fixed, so that launch templates can name a head that is made after them.
  head_ip = cidrhost(var.subnet_cidr, 10)

  images = {
    head     = var.image_id != null ? var.image_id : nonsensitive(data.aws_ssm_parameter.image["other"].value)
    verifier = var.image_id != null ? var.image_id : nonsensitive(data.aws_ssm_parameter.image["other"].value)
    teacher  = var.teacher_image_id != null ? var.teacher_image_id : nonsensitive(data.aws_ssm_parameter.image["teacher"].value)
  }

  teacher           = data.aws_ec2_instance_type.node["teacher"]
  teacher_max_nodes = var.teacher_replicas * var.teacher_nodes_per_replica
  spans_nodes       = var.teacher_nodes_per_replica > 1
  markets = {
    teacher  = var.capacity_market
    verifier = var.verifier_spot ? "spot" : "on-demand"
  }

  # What a node tells Ray that it has, and what the autoscaler expects of one: they must be equal.
  resources = {
    head     = { CPU = 0, head = 1 }
    teacher  = { CPU = local.teacher.default_vcpus, GPU = sum([for gpu in local.teacher.gpus : gpu.count]), teacher = 1 }
    verifier = { CPU = data.aws_ec2_instance_type.node["verifier"].default_vcpus, verifier = 1 }
  }

  node_tags = merge(var.tags, { tracegen-cluster = var.name })
}
