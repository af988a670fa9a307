# terraform query -generate-config-out=pipelines.tf
list "iot_pipeline" "plants" {
  provider         = iot
  include_resource = true

  config {
    region = "us-east-1"
    tags   = { team = "plants" }
  }
}
