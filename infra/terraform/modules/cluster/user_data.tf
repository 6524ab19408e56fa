# What a node does when it boots, as cloud-init reads it: a cloud-config, compressed since EC2 takes 16 KB.

locals {
  node_files  = "${path.module}/../../../node"
  notice_file = "/run/tracegen/notice"

  ray_arguments = {
    head     = "--head --port=6379 --dashboard-host=127.0.0.1 --dashboard-port=8265 --autoscaling-config=/etc/tracegen/autoscaler.yaml"
    teacher  = "--address=${local.head_ip}:6379"
    verifier = "--address=${local.head_ip}:6379"
  }

  common_files = { for role in ["head", "teacher", "verifier"] : role => [
    {
      path        = "/etc/tracegen/install.sh"
      permissions = "0755"
      content     = file("${local.node_files}/install.sh")
    },
    {
      path    = "/etc/tracegen/requirements.txt"
      content = file("${local.node_files}/requirements/${role == "teacher" ? "teacher" : "base"}.txt")
    },
    {
      path    = "/etc/tracegen/prepare.py"
      content = file("${local.node_files}/prepare.py")
    },
    {
      path = "/etc/tracegen/node.json"
      content = jsonencode({
        role              = role
        region            = local.region
        secret            = aws_secretsmanager_secret.token.name
        user              = "ray"
        efa               = tostring(role == "teacher" && local.spans_nodes)
        auto_stop_minutes = tostring(var.head_auto_stop_minutes)
      })
    },
    {
      path    = "/etc/systemd/system/tracegen-prepare.service"
      content = file("${path.module}/templates/prepare.service.tftpl")
    },
    {
      path    = "/etc/systemd/system/tracegen-ray.service"
      content = templatefile("${path.module}/templates/ray.service.tftpl", { role = role, arguments = local.ray_arguments[role], resources = local.resources[role] })
    },
  ] }

  teacher_files = [
    {
      path    = "/etc/tracegen/notices.py"
      content = file("${local.node_files}/notices.py")
    },
    {
      path = "/etc/systemd/system/tracegen-notices.service"
      content = templatefile("${path.module}/templates/notices.service.tftpl", {
        file   = local.notice_file
        region = local.region
        block  = var.capacity_market == "capacity-block" ? " --capacity-block ${coalesce(var.capacity_reservation_id, "none")}" : ""
      })
    },
  ]

  stops_itself = var.head_auto_stop_minutes > 0
  head_files = local.stops_itself ? [
    {
      path    = "/etc/tracegen/watchdog.py"
      content = file("${local.node_files}/watchdog.py")
    },
    {
      path    = "/etc/systemd/system/tracegen-watchdog.service"
      content = templatefile("${path.module}/templates/watchdog.service.tftpl", { minutes = var.head_auto_stop_minutes })
    },
  ] : []

  # Namespaces for the sandbox of programs under test; a hyphen lets a kernel be that does not know the setting.
  verifier_files = [{
    path    = "/etc/sysctl.d/90-tracegen.conf"
    content = <<-EOT
      user.max_user_namespaces = 65536
      -kernel.unprivileged_userns_clone = 1
      -kernel.apparmor_restrict_unprivileged_userns = 0
    EOT
  }]

  # First of all the clock that ends a node which never joins, whatever goes wrong after it.
  commands = { for role, services in {
    head     = concat(["tracegen-ray"], local.stops_itself ? ["tracegen-watchdog"] : [])
    teacher  = ["tracegen-ray", "tracegen-notices"]
    verifier = ["tracegen-ray"]
    } : role => concat(
    [["systemd-run", "--unit=tracegen-join-timeout", "--on-active=${var.join_timeout_minutes}m", "sh", "-c", "pgrep -u ray -x raylet || shutdown -h now"]],
    role == "verifier" ? [["sysctl", "--system"]] : [],
    [["/etc/tracegen/install.sh", "/etc/tracegen/requirements.txt"], ["systemctl", "daemon-reload"]],
    [for service in services : ["systemctl", "enable", "--now", "--no-block", "${service}.service"]],
  ) }

  user_data = { for role, files in { teacher = local.teacher_files, verifier = local.verifier_files } : role => base64gzip(join("\n", [
    "#cloud-config", yamlencode({ write_files = concat(local.common_files[role], files), runcmd = local.commands[role] }),
  ])) }

  # Apart from the others: it holds what names their launch templates.
  head_user_data = base64gzip(join("\n", ["#cloud-config", yamlencode({
    write_files = concat(local.common_files.head, local.head_files, [{ path = "/etc/tracegen/autoscaler.yaml", content = local.autoscaler_yaml }])
    runcmd      = local.commands.head
  })]))
}
