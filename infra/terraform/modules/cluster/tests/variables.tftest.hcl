# Every variable's bad values are refused, each by its own rule. No account: the provider is a mock.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = {
      default_vcpus         = 192
      maximum_network_cards = 32
      efa_supported         = true
      gpus                  = [{ count = 8, name = "H100", manufacturer = "NVIDIA", memory_size = 81920 }]
    }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }
}

variables {
  name               = "demo"
  subnet_id          = "subnet-0123456789abcdef0"
  subnet_cidr        = "10.42.128.0/17"
  security_group_id  = "sg-0123456789abcdef0"
  bucket             = "demo-corpus"
  monthly_budget_usd = 1000
  budget_emails      = ["somebody@example.org"]
}

run "these_are_good" {
  command = plan
}

run "name_too_short" {
  command = plan
  variables {
    name = "ab"
  }
  expect_failures = [var.name]
}

run "name_upper_case" {
  command = plan
  variables {
    name = "Demo"
  }
  expect_failures = [var.name]
}

run "name_double_hyphen" {
  command = plan
  variables {
    name = "de--mo"
  }
  expect_failures = [var.name]
}

run "weights_uri_a_whole_bucket" {
  command = plan
  variables {
    weights_uri = "s3://weights"
  }
  expect_failures = [var.weights_uri]
}

run "weights_uri_a_wildcard" {
  command = plan
  variables {
    weights_uri = "s3://weights/*"
  }
  expect_failures = [var.weights_uri]
}

run "weights_uri_a_folder_of_this_machine" {
  command = plan
  variables {
    weights_uri = "/weights"
  }
  expect_failures = [var.weights_uri]
}

run "head_instance_type_no_size" {
  command = plan
  variables {
    head_instance_type = "m7i"
  }
  expect_failures = [var.head_instance_type]
}

run "teacher_instance_type_no_size" {
  command = plan
  variables {
    teacher_instance_type = "p5"
  }
  expect_failures = [var.teacher_instance_type]
}

run "teacher_replicas_none" {
  command = plan
  variables {
    teacher_replicas = 0
  }
  expect_failures = [var.teacher_replicas]
}

run "teacher_replicas_a_half" {
  command = plan
  variables {
    teacher_replicas = 1.5
  }
  expect_failures = [var.teacher_replicas]
}

run "teacher_replicas_too_many" {
  command = plan
  variables {
    teacher_replicas = 65
  }
  expect_failures = [var.teacher_replicas]
}

run "teacher_nodes_per_replica_none" {
  command = plan
  variables {
    teacher_nodes_per_replica = 0
  }
  expect_failures = [var.teacher_nodes_per_replica]
}

run "teacher_nodes_per_replica_too_many" {
  command = plan
  variables {
    teacher_nodes_per_replica = 9
  }
  expect_failures = [var.teacher_nodes_per_replica]
}

run "capacity_market_unknown" {
  command = plan
  variables {
    capacity_market = "reserved"
  }
  expect_failures = [var.capacity_market]
}

run "capacity_market_spot_for_two_nodes" {
  command = plan
  variables {
    capacity_market           = "spot"
    teacher_nodes_per_replica = 2
  }
  expect_failures = [var.capacity_market]
}

run "capacity_market_block_without_reservation" {
  command = plan
  variables {
    capacity_market = "capacity-block"
  }
  expect_failures = [var.capacity_market]
}

run "capacity_market_spot_in_a_reservation" {
  command = plan
  variables {
    capacity_market         = "spot"
    capacity_reservation_id = "cr-0123456789abcdef0"
  }
  expect_failures = [var.capacity_market]
}

run "capacity_reservation_id_no_id" {
  command = plan
  variables {
    capacity_reservation_id = "my-block"
  }
  expect_failures = [var.capacity_reservation_id]
}

run "verifier_instance_type_no_size" {
  command = plan
  variables {
    verifier_instance_type = "c7i"
  }
  expect_failures = [var.verifier_instance_type]
}

run "verifier_max_nodes_none" {
  command = plan
  variables {
    verifier_max_nodes = 0
  }
  expect_failures = [var.verifier_max_nodes]
}

run "verifier_max_nodes_a_half" {
  command = plan
  variables {
    verifier_max_nodes = 0.5
  }
  expect_failures = [var.verifier_max_nodes]
}

run "image_id_no_id" {
  command = plan
  variables {
    image_id = "ubuntu"
  }
  expect_failures = [var.image_id]
}

run "teacher_image_id_no_id" {
  command = plan
  variables {
    teacher_image_id = "dlami"
  }
  expect_failures = [var.teacher_image_id]
}

run "idle_timeout_minutes_zero" {
  command = plan
  variables {
    idle_timeout_minutes = 0
  }
  expect_failures = [var.idle_timeout_minutes]
}

run "idle_timeout_minutes_a_day" {
  command = plan
  variables {
    idle_timeout_minutes = 1440
  }
  expect_failures = [var.idle_timeout_minutes]
}

run "head_auto_stop_minutes_too_soon" {
  command = plan
  variables {
    head_auto_stop_minutes = 5
  }
  expect_failures = [var.head_auto_stop_minutes]
}

run "head_auto_stop_minutes_too_late" {
  command = plan
  variables {
    head_auto_stop_minutes = 2000
  }
  expect_failures = [var.head_auto_stop_minutes]
}

run "join_timeout_minutes_too_soon" {
  command = plan
  variables {
    join_timeout_minutes = 1
  }
  expect_failures = [var.join_timeout_minutes]
}

run "join_timeout_minutes_too_late" {
  command = plan
  variables {
    join_timeout_minutes = 120
  }
  expect_failures = [var.join_timeout_minutes]
}

run "monthly_budget_usd_nothing" {
  command = plan
  variables {
    monthly_budget_usd = 0
  }
  expect_failures = [var.monthly_budget_usd]
}

run "budget_emails_nobody" {
  command = plan
  variables {
    budget_emails = []
  }
  expect_failures = [var.budget_emails]
}

run "budget_emails_no_address" {
  command = plan
  variables {
    budget_emails = ["me"]
  }
  expect_failures = [var.budget_emails]
}

run "prices_no_date" {
  command = plan
  variables {
    prices = { source = "here", date = "today", usd_per_hour = { "m7i.2xlarge" = 1, "p5en.48xlarge" = 1, "c7i.8xlarge" = 1 } }
  }
  expect_failures = [var.prices]
}

run "prices_free" {
  command = plan
  variables {
    prices = { source = "here", date = "2026-11-09", usd_per_hour = { "m7i.2xlarge" = 0, "p5en.48xlarge" = 1, "c7i.8xlarge" = 1 } }
  }
  expect_failures = [var.prices]
}

run "prices_a_type_is_missing" {
  command = plan
  variables {
    prices = { source = "here", date = "2026-11-09", usd_per_hour = { "m7i.2xlarge" = 1 } }
  }
  expect_failures = [var.prices]
}

run "permissions_boundary_arn_no_arn" {
  command = plan
  variables {
    permissions_boundary_arn = "boundary"
  }
  expect_failures = [var.permissions_boundary_arn]
}

run "tags_rays_own" {
  command = plan
  variables {
    tags = { ray-cluster-name = "other" }
  }
  expect_failures = [var.tags]
}

run "tags_the_clusters_own" {
  command = plan
  variables {
    tags = { tracegen-cluster = "other" }
  }
  expect_failures = [var.tags]
}
