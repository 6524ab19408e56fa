# No account: the provider is a mock.

mock_provider "aws" {}

variables {
  name              = "demo"
  availability_zone = "us-east-2a"
}

run "nobody_outside_gets_in" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_ingress_rule.from_nodes.cidr_ipv4 == null && aws_vpc_security_group_ingress_rule.from_nodes.cidr_ipv6 == null
    error_message = "The nodes' group lets addresses in."
  }
  assert {
    condition     = aws_subnet.private.map_public_ip_on_launch != true
    error_message = "Nodes would get public addresses."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443
    error_message = "Nodes reach more than HTTPS outside."
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "S3 would be reached through the NAT gateway."
  }
}

run "availability_zone_a_region" {
  command = plan
  variables {
    availability_zone = "us-east-2"
  }
  expect_failures = [var.availability_zone]
}

run "cidr_too_small" {
  command = plan
  variables {
    cidr = "10.0.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "cidr_too_large" {
  command = plan
  variables {
    cidr = "10.0.0.0/8"
  }
  expect_failures = [var.cidr]
}

run "cidr_no_range" {
  command = plan
  variables {
    cidr = "10.0.0.0"
  }
  expect_failures = [var.cidr]
}
