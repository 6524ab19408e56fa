output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "subnet_id" {
  description = "The subnet of all nodes. It is there once nodes in it reach the outside."
  value       = aws_subnet.private.id
  depends_on  = [aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.s3]
}

output "subnet_cidr" {
  description = "Its addresses."
  value       = local.private_cidr
}

output "security_group_id" {
  description = "What all nodes belong to."
  value       = aws_security_group.nodes.id
}
