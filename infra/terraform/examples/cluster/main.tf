# One cluster. Choose a size (*.tfvars), then: terraform init && terraform apply -var-file r1.tfvars

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { tracegen-cluster = var.name })
  }
}

module "network" {
  source            = "../../modules/network"
  name              = var.name
  availability_zone = var.availability_zone
  cidr              = var.cidr
}

module "storage" {
  source        = "../../modules/storage"
  name          = var.name
  kms_key_arn   = var.kms_key_arn
  force_destroy = var.force_destroy
}

module "cluster" {
  source            = "../../modules/cluster"
  name              = var.name
  subnet_id         = module.network.subnet_id
  subnet_cidr       = module.network.subnet_cidr
  security_group_id = module.network.security_group_id
  bucket            = module.storage.bucket
  kms_key_arn       = var.kms_key_arn
  weights_uri       = var.weights_uri

  head_instance_type        = var.head_instance_type
  teacher_instance_type     = var.teacher_instance_type
  teacher_replicas          = var.teacher_replicas
  teacher_nodes_per_replica = var.teacher_nodes_per_replica
  capacity_market           = var.capacity_market
  capacity_reservation_id   = var.capacity_reservation_id
  verifier_instance_type    = var.verifier_instance_type
  verifier_max_nodes        = var.verifier_max_nodes
  verifier_spot             = var.verifier_spot
  image_id                  = var.image_id
  teacher_image_id          = var.teacher_image_id

  idle_timeout_minutes   = var.idle_timeout_minutes
  head_auto_stop_minutes = var.head_auto_stop_minutes
  join_timeout_minutes   = var.join_timeout_minutes
  monthly_budget_usd     = var.monthly_budget_usd
  budget_emails          = var.budget_emails
  prices                 = var.prices

  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}
