# What `guardline permissions --role agent --format terraform` prints for a baseline with every section.

data "aws_partition" "current" {}

data "aws_iam_policy_document" "guardline_agent" {
  statement {
    sid = "Read"
    actions = [
      "autoscaling:DescribeAccountLimits",
      "cloudformation:DescribeAccountLimits",
      "cloudtrail:DescribeTrails",
      "cloudtrail:ListEventDataStores",
      "cloudtrail:LookupEvents",
      "dynamodb:DescribeLimits",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeRegions",
      "ec2:DescribeVpcBlockPublicAccessOptions",
      "ec2:GetAllowedImagesSettings",
      "ec2:GetEbsDefaultKmsKeyId",
      "ec2:GetEbsEncryptionByDefault",
      "ec2:GetImageBlockPublicAccessState",
      "ec2:GetInstanceMetadataDefaults",
      "ec2:GetSerialConsoleAccessStatus",
      "ec2:GetSnapshotBlockPublicAccessState",
      "elasticloadbalancing:DescribeAccountLimits",
      "iam:GetAccountSummary",
      "kinesis:DescribeLimits",
      "organizations:DescribeOrganization",
      "organizations:ListAWSServiceAccessForOrganization",
      "rds:DescribeAccountAttributes",
      "route53:GetAccountLimit",
      "servicequotas:GetAutoManagementConfiguration",
      "servicequotas:ListAWSDefaultServiceQuotas",
      "servicequotas:ListRequestedServiceQuotaChangeHistory",
      "servicequotas:ListServiceQuotas",
    ]
    resources = [
      "*",
    ]
  }

  statement {
    sid = "Regions"
    actions = [
      "account:ListRegions",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:account::*:account",
    ]
  }

  statement {
    sid = "Trails"
    actions = [
      "cloudtrail:GetEventSelectors",
      "cloudtrail:GetTrailStatus",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:cloudtrail:*:*:trail/*",
    ]
  }

  statement {
    sid = "EventDataStores"
    actions = [
      "cloudtrail:GetEventDataStore",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:cloudtrail:*:*:eventdatastore/*",
    ]
  }

  statement {
    sid = "Accounts"
    actions = [
      "organizations:DescribeAccount",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:organizations::*:account/*",
    ]
  }

  statement {
    sid = "Roles"
    actions = [
      "sts:AssumeRole",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:iam::*:role/${var.member_role_name}",
      "arn:${data.aws_partition.current.partition}:iam::${var.management_account_id}:role/${var.management_role_name}",
    ]
  }
}
