# Terraform 1.12 or later, or OpenTofu 1.12 or later
import {
  to = iot_pipeline.greenhouse
  identity = {
    name   = "greenhouse"
    region = "eu-central-1" # the provider's by default
  }
}
