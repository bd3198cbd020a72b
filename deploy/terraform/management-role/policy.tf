# What `guardline permissions --role management --format terraform` prints for a baseline with every section.

data "aws_partition" "current" {}

data "aws_iam_policy_document" "guardline_management" {
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
      "organizations:DescribeResourcePolicy",
      "organizations:ListAWSServiceAccessForOrganization",
      "organizations:ListAccounts",
      "organizations:ListCreateAccountStatus",
      "organizations:ListDelegatedAdministrators",
      "organizations:ListHandshakesForOrganization",
      "organizations:ListInboundResponsibilityTransfers",
      "organizations:ListOutboundResponsibilityTransfers",
      "organizations:ListPolicies",
      "organizations:ListRoots",
      "rds:DescribeAccountAttributes",
      "route53:GetAccountLimit",
      "servicequotas:GetAssociationForServiceQuotaTemplate",
      "servicequotas:GetAutoManagementConfiguration",
      "servicequotas:ListAWSDefaultServiceQuotas",
      "servicequotas:ListRequestedServiceQuotaChangeHistory",
      "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate",
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
      "arn:${data.aws_partition.current.partition}:account::*:account/*",
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
    sid = "Parents"
    actions = [
      "organizations:ListAccountsForParent",
      "organizations:ListOrganizationalUnitsForParent",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:organizations::*:ou/*",
      "arn:${data.aws_partition.current.partition}:organizations::*:root/*",
    ]
  }

  statement {
    sid = "Policies"
    actions = [
      "organizations:DescribePolicy",
      "organizations:ListTargetsForPolicy",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:organizations::*:policy/*",
    ]
  }

  statement {
    sid = "Accounts"
    actions = [
      "organizations:DescribeAccount",
      "organizations:DescribeEffectivePolicy",
      "organizations:ListDelegatedServicesForAccount",
      "organizations:ListTagsForResource",
    ]
    resources = [
      "arn:${data.aws_partition.current.partition}:organizations::*:account/*",
    ]
  }
}
