output "head_instance_id" {
  description = "The head."
  value       = aws_instance.head.id
}

output "head_private_ip" {
  description = "Where nodes find it."
  value       = local.head_ip
}

output "tunnel_command" {
  description = "Makes the head's dashboard and Jobs API local. Needs the AWS CLI and its Session Manager plug-in."
  value       = "aws ssm start-session --region ${local.region} --target ${aws_instance.head.id} --document-name AWS-StartPortForwardingSession --parameters portNumber=8265,localPortNumber=8265"
}

output "ray_address" {
  description = "RAY_API_SERVER_ADDRESS for `ray job submit`, while the tunnel is open."
  value       = "http://127.0.0.1:8265"
}

output "ray_token_command" {
  description = "Prints the token that goes into RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token."
  value       = "aws secretsmanager get-secret-value --region ${local.region} --secret-id ${aws_secretsmanager_secret.token.name} --query SecretString --output text"
}

output "autoscaler_config" {
  description = "What Ray's autoscaler on the head is configured with, as YAML."
  value       = local.autoscaler_yaml
}

output "notice_file" {
  description = "For where.notice_file of a recipe: written on teacher nodes that will be taken away."
  value       = local.notice_file
}

output "usd_per_hour" {
  description = "Price of one node by Ray node type, on-demand, and of the NAT gateway."
  value       = local.usd_per_hour
}

output "max_hourly_cost_usd" {
  description = "All nodes at once, on-demand. Disks, storage, traffic and taxes come on top."
  value       = local.max_hourly_cost_usd
}

output "prices_source" {
  description = "Where the prices are from."
  value       = "${var.prices.source}, ${var.prices.date}"
}

output "role_names" {
  description = "The three roles."
  value       = { for role, made in aws_iam_role.node : role => made.name }
}
