variable "management_account_id" {
  description = "Id of the management account"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.management_account_id))
    error_message = "An account id has 12 digits."
  }
}

variable "management_role_name" {
  description = "The name that the baseline gives in access.management_role"
  type        = string
  default     = "GuardlineOrgRead"
}

variable "member_role_name" {
  description = "The name that the baseline gives in access.member_role"
  type        = string
  default     = "GuardlineRead"
}
