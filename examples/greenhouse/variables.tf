variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
}

variable "endpoint" {
  description = "URL of a local AWS; null for AWS itself."
  type        = string
  default     = null
}

variable "timestream" {
  description = "Whether the account may use Timestream LiveAnalytics, which AWS has closed to new customers."
  type        = bool
  default     = true
}

variable "metrics_window_seconds" {
  description = "Length of the windows that metrics are computed over."
  type        = number
  default     = 60
}

variable "force_destroy" {
  description = "Whether terraform destroy may delete archived messages and time series."
  type        = bool
  default     = false
}
