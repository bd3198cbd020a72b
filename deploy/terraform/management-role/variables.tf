variable "agent_arn" {
  description = "ARN of the identity that the agent runs as"
  type        = string
}

variable "external_id" {
  description = "What the agent has to name as well; the environment variable of access.external_id_env holds it"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@:/-]{16,128}$", var.external_id))
    error_message = "An external id has 16 to 128 letters, digits or characters of +=,.@:/-."
  }
}

variable "role_name" {
  description = "The name that the baseline gives in access.management_role"
  type        = string
  default     = "GuardlineOrgRead"
}
