# No account: the provider is a mock.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = {
      default_vcpus         = 192
      maximum_network_cards = 16
      efa_supported         = true
      gpus                  = [{ count = 8, name = "H200", manufacturer = "NVIDIA", memory_size = 144384 }]
    }
  }
}

run "region_of_another_zone" {
  command = plan
  variables {
    name               = "demo"
    region             = "us-east-1"
    availability_zone  = "us-east-2a"
    monthly_budget_usd = 1000
    budget_emails      = ["somebody@example.org"]
  }
  expect_failures = [var.region]
}
