resource "aws_instance" "head" {
  instance_type          = var.head_instance_type
  ami                    = local.images.head
  subnet_id              = var.subnet_id
  private_ip             = local.head_ip
  vpc_security_group_ids = [var.security_group_id]
  iam_instance_profile   = aws_iam_instance_profile.node["head"].name
  user_data_base64       = local.head_user_data
  # Its configuration is read at first boot only. A run goes on from its ledger when the job is submitted again.
  user_data_replace_on_change = true
  ebs_optimized               = true
  # Stopped it costs its disk, and can be started again.
  instance_initiated_shutdown_behavior = "stop"

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_size = 100
    volume_type = "gp3"
    encrypted   = true
    tags        = merge(local.node_tags, { Name = "${var.name}-head" })
  }

  # The autoscaler looks for these. Without them it sees no head, and launches and ends heads for ever.
  tags = merge(local.node_tags, {
    Name               = "${var.name}-head"
    ray-cluster-name   = var.name
    ray-node-type      = "head"
    ray-user-node-type = "head"
    ray-node-status    = "up-to-date"
  })

  lifecycle {
    # A newer image of the same kind is no reason to replace a head that works; -replace does it when you want it.
    ignore_changes = [ami]
  }

  depends_on = [aws_iam_role_policy.node, aws_secretsmanager_secret.token]
}

# Filled in by the head at its first boot: the token is never in Terraform's state.
resource "aws_secretsmanager_secret" "token" {
  name        = "${var.name}/ray-token"
  description = "The token that Ray asks of every node and every job"
  # A cluster of the same name can be made again at once.
  recovery_window_in_days = 0
}
