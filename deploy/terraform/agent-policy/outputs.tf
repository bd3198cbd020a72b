output "policy_arn" {
  description = "ARN of the policy, to attach to the role that the agent runs as"
  value       = aws_iam_policy.this.arn
}
