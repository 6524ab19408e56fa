# Ray's configuration of the autoscaler, as `ray start --autoscaling-config` reads it. Without `ray up` nothing is filled in:
# every key that Ray's validation wants is here.

locals {
  # One interface per network card: the first carries IP and EFA, the others EFA only.
  efa_interfaces = [for card in range(local.spans_nodes ? local.teacher.maximum_network_cards : 0) : {
    NetworkCardIndex    = card
    DeviceIndex         = card == 0 ? 0 : 1
    InterfaceType       = card == 0 ? "efa" : "efa-only"
    SubnetId            = var.subnet_id
    Groups              = [var.security_group_id]
    DeleteOnTermination = true
  }]

  # Ray takes SubnetIds in any case, and leaves them out where there are NetworkInterfaces.
  node_config = { for kind, template in aws_launch_template.node : kind => merge(
    {
      SubnetIds      = [var.subnet_id]
      LaunchTemplate = { LaunchTemplateId = template.id, Version = tostring(template.latest_version) }
    },
    kind == "teacher" && local.spans_nodes ? { NetworkInterfaces = local.efa_interfaces } : {},
  ) }

  autoscaler = merge(
    { for key in ["cluster_synced_files", "initialization_commands", "setup_commands", "head_setup_commands",
    "worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands", "rsync_exclude", "rsync_filter"] : key => [] },
    { for key in ["auth", "docker", "file_mounts"] : key => {} },
    {
      cluster_name                  = var.name
      max_workers                   = local.teacher_max_nodes + var.verifier_max_nodes
      upscaling_speed               = 100 # All nodes of a waiting placement group at once: half a replica serves nothing.
      idle_timeout_minutes          = var.idle_timeout_minutes
      file_mounts_sync_continuously = false
      provider = {
        type                  = "aws"
        region                = local.region
        cache_stopped_nodes   = false # GPU nodes are ended, not stopped.
        use_internal_ips      = true
        disable_node_updaters = true # No SSH: nodes join by themselves.
      }
      head_node_type = "head"
      available_node_types = {
        head = {
          resources   = local.resources.head
          min_workers = 0
          max_workers = 0
          node_config = { InstanceType = var.head_instance_type, ImageId = local.images.head, SubnetIds = [var.subnet_id] }
        }
        teacher = {
          resources   = local.resources.teacher
          min_workers = 0
          max_workers = local.teacher_max_nodes
          node_config = local.node_config.teacher
        }
        verifier = {
          resources   = local.resources.verifier
          min_workers = 0
          max_workers = var.verifier_max_nodes
          node_config = local.node_config.verifier
        }
      }
    },
  )
  autoscaler_yaml = yamlencode(local.autoscaler)
}
