resource "aws_iam_policy" "this" {
  name        = "GuardlineAgent"
  description = "What Guardline needs as agent"
  policy      = data.aws_iam_policy_document.guardline_agent.json
}
