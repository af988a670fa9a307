terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {
  region = "eu-west-1"

  default_tags {
    tags = { team = "platform" }
  }
}
