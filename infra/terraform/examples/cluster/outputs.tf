# The modules describe them.

output "name" {
  value = var.name
}

output "region" {
  value = var.region
}

output "corpus_uri" {
  value = module.storage.corpus_uri
}

output "bucket" {
  value = module.storage.bucket
}

output "head_instance_id" {
  value = module.cluster.head_instance_id
}

output "head_private_ip" {
  value = module.cluster.head_private_ip
}

output "tunnel_command" {
  value = module.cluster.tunnel_command
}

output "ray_address" {
  value = module.cluster.ray_address
}

output "ray_token_command" {
  value = module.cluster.ray_token_command
}

output "autoscaler_config" {
  value = module.cluster.autoscaler_config
}

output "notice_file" {
  value = module.cluster.notice_file
}

output "usd_per_hour" {
  value = module.cluster.usd_per_hour
}

output "max_hourly_cost_usd" {
  value = module.cluster.max_hourly_cost_usd
}

output "prices_source" {
  value = module.cluster.prices_source
}

output "role_names" {
  value = module.cluster.role_names
}
