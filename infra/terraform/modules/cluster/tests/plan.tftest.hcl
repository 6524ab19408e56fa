# What is planned, on a mock of AWS: metadata, encryption, markets, interfaces, roles by name, caps.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-2" }
  }
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
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/demo" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/demo" }
  }
  mock_resource "aws_launch_template" {
    defaults = { arn = "arn:aws:ec2:us-east-2:123456789012:launch-template/lt-0123456789abcdef0", id = "lt-0123456789abcdef0", latest_version = 3 }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-2:123456789012:secret:demo/ray-token-AbCdEf" }
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

run "nodes_are_hardened" {
  command = apply

  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Nodes answer IMDSv1, or answer to containers."
  }
  assert {
    condition     = aws_instance.head.metadata_options[0].http_tokens == "required" && aws_instance.head.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The head answers IMDSv1, or answers to containers."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : tobool(template.block_device_mappings[0].ebs[0].encrypted)]) && aws_instance.head.root_block_device[0].encrypted
    error_message = "A disk is not encrypted."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.instance_initiated_shutdown_behavior == "terminate"])
    error_message = "A worker that shuts itself down would go on being billed."
  }
  assert {
    condition     = aws_instance.head.instance_initiated_shutdown_behavior == "stop"
    error_message = "A head that stops itself would be gone."
  }
  assert {
    condition     = aws_instance.head.tags["ray-node-type"] == "head" && aws_instance.head.tags["ray-cluster-name"] == "demo" && aws_instance.head.tags["ray-user-node-type"] == "head" && aws_instance.head.tags["ray-node-status"] == "up-to-date"
    error_message = "The autoscaler would not know the head, and launch heads for ever."
  }
  assert {
    condition     = length(aws_placement_group.teacher) == 0
    error_message = "One node needs no placement group."
  }
}

run "roles_are_least" {
  command = apply

  assert {
    condition     = toset(keys(aws_iam_role.node)) == toset(["head", "teacher", "verifier"])
    error_message = "There are three roles."
  }
  assert {
    condition     = alltrue([for said in jsondecode(aws_iam_role_policy.node["verifier"].policy).Statement : said.Effect == "Deny" || alltrue([for action in flatten([said.Action]) : !startswith(action, "s3:") && !startswith(action, "ec2:")])])
    error_message = "The verifier may use S3 or EC2."
  }
  assert {
    condition     = anytrue([for said in jsondecode(aws_iam_role_policy.node["verifier"].policy).Statement : said.Effect == "Deny" && contains(flatten([said.Action]), "s3:*") && said.Resource == "*"])
    error_message = "Nothing forbids S3 to the verifier."
  }
  assert {
    condition = alltrue([for said in jsondecode(aws_iam_role_policy.node["teacher"].policy).Statement :
      alltrue([for action in flatten([said.Action]) : !startswith(action, "s3:") || contains(["s3:GetObject", "s3:ListBucket"], action)])
      && (!contains(flatten([said.Action]), "s3:GetObject") || said.Resource == "arn:aws:s3:::demo-corpus/weights/*")
    ])
    error_message = "The teacher may do more than read its weights."
  }
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.node : alltrue([for said in jsondecode(policy.policy).Statement : said.Effect == "Deny" || alltrue([for action in flatten([said.Action]) : !strcontains(action, "*")])])])
    error_message = "A role is allowed a wildcard of actions."
  }
  assert {
    condition     = [for said in jsondecode(aws_iam_role_policy.node["head"].policy).Statement : length(said.Condition.ArnEquals["ec2:LaunchTemplate"]) == 2 if contains(flatten([said.Action]), "ec2:RunInstances")] == [true]
    error_message = "The head may launch without the templates."
  }
  assert {
    condition     = [for said in jsondecode(aws_iam_role_policy.node["head"].policy).Statement : said.Condition.StringEquals["aws:ResourceTag/ray-cluster-name"] == "demo" if contains(flatten([said.Action]), "ec2:TerminateInstances")] == [true]
    error_message = "The head may end others' instances."
  }
}

run "a_bill_that_ends" {
  command = apply

  assert {
    condition     = aws_budgets_budget.account.limit_amount == "1000" && length(aws_budgets_budget.account.notification) == 3
    error_message = "There is no budget that tells somebody."
  }
  assert {
    condition     = abs(output.max_hourly_cost_usd - (0.4032 + 0.045 + 63.296 + 2 * 1.428)) < 0.001
    error_message = "The hourly maximum is not the sum of its parts."
  }
  assert {
    condition     = yamldecode(output.autoscaler_config).max_workers == 3 && alltrue([for type in values(yamldecode(output.autoscaler_config).available_node_types) : type.min_workers == 0])
    error_message = "The autoscaler would keep nodes, or start more than is paid for."
  }
}

run "two_nodes_on_demand" {
  command = apply
  variables {
    teacher_instance_type     = "p5.48xlarge"
    teacher_nodes_per_replica = 2
    teacher_replicas          = 3
  }
  assert {
    condition     = one(aws_placement_group.teacher).strategy == "cluster" && aws_launch_template.node["teacher"].placement[0].group_name == "demo-teacher"
    error_message = "Nodes of a replica would be far apart."
  }
  assert {
    condition     = length(yamldecode(output.autoscaler_config).available_node_types.teacher.node_config.NetworkInterfaces) == 32
    error_message = "Every network card wants its EFA interface."
  }
  assert {
    condition     = [for one in yamldecode(output.autoscaler_config).available_node_types.teacher.node_config.NetworkInterfaces : one.InterfaceType if one.DeviceIndex == 0] == ["efa"]
    error_message = "The first interface carries IP as well."
  }
  assert {
    condition     = length(coalesce(aws_launch_template.node["teacher"].vpc_security_group_ids, [])) == 0
    error_message = "EC2 refuses security groups beside interfaces."
  }
  assert {
    condition     = yamldecode(output.autoscaler_config).available_node_types.teacher.max_workers == 6
    error_message = "Three replicas of two nodes are six nodes."
  }
}

run "a_capacity_block" {
  command = apply
  variables {
    teacher_instance_type     = "p5.48xlarge"
    teacher_nodes_per_replica = 2
    capacity_market           = "capacity-block"
    capacity_reservation_id   = "cr-0123456789abcdef0"
  }
  assert {
    condition     = aws_launch_template.node["teacher"].instance_market_options[0].market_type == "capacity-block" && length(aws_launch_template.node["teacher"].instance_market_options[0].spot_options) == 0
    error_message = "A capacity block has a market type of its own, and no spot options."
  }
  assert {
    condition     = aws_launch_template.node["teacher"].capacity_reservation_specification[0].capacity_reservation_target[0].capacity_reservation_id == "cr-0123456789abcdef0"
    error_message = "The reservation is not named."
  }
  assert {
    condition     = length(aws_placement_group.teacher) == 0
    error_message = "A capacity block cannot be in a placement group."
  }
}

run "spot" {
  command = apply
  variables {
    capacity_market = "spot"
    verifier_spot   = false
  }
  assert {
    condition     = aws_launch_template.node["teacher"].instance_market_options[0].market_type == "spot" && length(aws_launch_template.node["verifier"].instance_market_options) == 0
    error_message = "Each kind of node has its own market."
  }
}
