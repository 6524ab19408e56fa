# What the autoscaler launches from.

resource "aws_placement_group" "teacher" {
  # Nodes of a capacity block are close to each other already, and cannot be in a placement group.
  count    = local.spans_nodes && var.capacity_market != "capacity-block" ? 1 : 0
  name     = "${var.name}-teacher"
  strategy = "cluster"
}

resource "aws_launch_template" "node" {
  for_each               = local.markets
  name                   = "${var.name}-${each.key}"
  update_default_version = true
  instance_type          = each.key == "teacher" ? var.teacher_instance_type : var.verifier_instance_type
  image_id               = local.images[each.key]
  user_data              = local.user_data[each.key]
  ebs_optimized          = true
  # EC2 wants interfaces in one place only: those of a node with EFA are in the autoscaler's configuration.
  vpc_security_group_ids = each.key == "teacher" && local.spans_nodes ? null : [var.security_group_id]
  # A node that shuts itself down is gone, and so is its bill.
  instance_initiated_shutdown_behavior = "terminate"

  iam_instance_profile {
    arn = aws_iam_instance_profile.node[each.key].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = each.key == "teacher" ? 300 : 100
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "instance_market_options" {
    for_each = each.value == "on-demand" ? [] : [each.value]
    content {
      market_type = instance_market_options.value
      dynamic "spot_options" {
        for_each = instance_market_options.value == "spot" ? [1] : []
        content {
          spot_instance_type             = "one-time"
          instance_interruption_behavior = "terminate"
        }
      }
    }
  }

  dynamic "capacity_reservation_specification" {
    for_each = each.key == "teacher" && var.capacity_reservation_id != null ? [var.capacity_reservation_id] : []
    content {
      capacity_reservation_target {
        capacity_reservation_id = capacity_reservation_specification.value
      }
    }
  }

  dynamic "placement" {
    for_each = each.key == "teacher" ? aws_placement_group.teacher[*].name : []
    content {
      group_name = placement.value
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]
    content {
      resource_type = tag_specifications.value
      tags          = merge(local.node_tags, { Name = "${var.name}-${each.key}" })
    }
  }
}
