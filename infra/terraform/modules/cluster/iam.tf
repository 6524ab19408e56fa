# Who may do what. Each role has one policy, written out here; no managed policy (AmazonSSMManagedInstanceCore, for one, reads
# every parameter of the account).

locals {
  roles       = toset(["head", "teacher", "verifier"])
  bucket_arn  = "arn:${local.partition}:s3:::${var.bucket}"
  weights_uri = var.weights_uri != null ? var.weights_uri : "s3://${var.bucket}/weights"
  weights     = regex("^s3://(?P<bucket>[^/]+)/(?P<prefix>.+)$", local.weights_uri)
  weights_arn = "arn:${local.partition}:s3:::${local.weights.bucket}"

  # Session Manager, which is the only way in.
  session_statement = {
    Sid    = "BeReachedBySessionManager"
    Effect = "Allow"
    Action = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    Resource = "*"
  }

  token_statement = {
    Sid      = "ReadTheRayToken"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = aws_secretsmanager_secret.token.arn
  }

  kms_statements = { for role, actions in {
    head    = ["kms:Decrypt", "kms:GenerateDataKey"]
    teacher = ["kms:Decrypt"]
    } : role => var.kms_key_arn == null ? [] : [{
      Sid       = "UseTheKeyForS3"
      Effect    = "Allow"
      Action    = actions
      Resource  = var.kms_key_arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
  }] }

  launchable = concat(
    [for kind in ["instance", "volume", "network-interface", "spot-instances-request"] : "${local.ec2_arn}:${kind}/*"],
    ["${local.ec2_arn}:subnet/${var.subnet_id}", "${local.ec2_arn}:security-group/${var.security_group_id}"],
    [for image in distinct([local.images.teacher, local.images.verifier]) : "arn:${local.partition}:ec2:${local.region}::image/${image}"],
    [for template in aws_launch_template.node : template.arn],
    [for group in aws_placement_group.teacher : group.arn],
    var.capacity_reservation_id == null ? [] : ["${local.ec2_arn}:capacity-reservation/${var.capacity_reservation_id}"],
  )

  policies = {
    head = concat([
      local.session_statement,
      local.token_statement,
      {
        Sid      = "MakeTheRayToken"
        Effect   = "Allow"
        Action   = ["secretsmanager:PutSecretValue"]
        Resource = aws_secretsmanager_secret.token.arn
      },
      {
        Sid      = "ReadAndWriteTheCorpus"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = "${local.bucket_arn}/*"
      },
      {
        Sid      = "ListTheCorpus"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = local.bucket_arn
      },
      {
        Sid      = "SeeNodes"
        Effect   = "Allow"
        Action   = ["ec2:DescribeInstances", "ec2:DescribeInstanceTypes"]
        Resource = "*"
      },
      {
        Sid       = "LaunchFromTheTemplates"
        Effect    = "Allow"
        Action    = ["ec2:RunInstances"]
        Resource  = local.launchable
        Condition = { ArnEquals = { "ec2:LaunchTemplate" = [for template in aws_launch_template.node : template.arn] } }
      },
      {
        Sid       = "HandTheWorkersTheirRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.node["teacher"].arn, aws_iam_role.node["verifier"].arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
      },
      {
        Sid       = "TagWhatIsLaunched"
        Effect    = "Allow"
        Action    = ["ec2:CreateTags"]
        Resource  = [for kind in ["instance", "volume", "network-interface", "spot-instances-request"] : "${local.ec2_arn}:${kind}/*"]
        Condition = { StringEquals = { "ec2:CreateAction" = "RunInstances" } }
      },
      {
        # Not the head itself: its autoscaler would end it, with its disk, whenever Ray on it is told to stop.
        Sid       = "TagAndEndItsOwnNodes"
        Effect    = "Allow"
        Action    = ["ec2:CreateTags", "ec2:TerminateInstances"]
        Resource  = "${local.ec2_arn}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/ray-cluster-name" = var.name, "aws:ResourceTag/ray-node-type" = "worker" } }
      },
    ], local.kms_statements.head)

    teacher = concat([
      local.session_statement,
      local.token_statement,
      {
        Sid      = "ReadTheWeights"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${local.weights_arn}/${local.weights.prefix}/*"
      },
      {
        Sid       = "ListTheWeights"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = local.weights_arn
        Condition = { StringLike = { "s3:prefix" = ["${local.weights.prefix}/*"] } }
      },
      ], local.kms_statements.teacher, var.capacity_market != "capacity-block" ? [] : [{
        Sid      = "SeeWhenTheBlockEnds"
        Effect   = "Allow"
        Action   = ["ec2:DescribeCapacityReservations"]
        Resource = "*"
    }])

    # It runs programs that nobody has read.
    verifier = [
      local.session_statement,
      local.token_statement,
      {
        Sid      = "NoStorage"
        Effect   = "Deny"
        Action   = ["s3:*"]
        Resource = "*"
      },
    ]
  }
}

resource "aws_iam_role" "node" {
  for_each             = local.roles
  name                 = "${var.name}-${each.key}"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "node" {
  for_each = local.roles
  name     = each.key
  role     = aws_iam_role.node[each.key].id
  policy   = jsonencode({ Version = "2012-10-17", Statement = local.policies[each.key] })
}

resource "aws_iam_instance_profile" "node" {
  for_each = local.roles
  name     = "${var.name}-${each.key}"
  role     = aws_iam_role.node[each.key].name
}
