terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

# Region and credentials come from the environment, as for every AWS tool.
provider "iot" {}

variable "issuer" {
  description = "Address of whoever issues the tokens, such as that of a Cognito user pool."
  type        = string
  default     = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123"
}

variable "audiences" {
  description = "IDs of the applications whose users may call the API."
  type        = set(string)
  default     = ["4example5client6id7"]
}

resource "iot_pipeline" "stable" {
  name = "stable"
  devices = {
    "door-001" = {}
    "door-002" = {}
  }

  # What the API has to tell about a device: its readings of two days, and statistics of each minute.
  recent  = { hours = 48 }
  metrics = { window_seconds = 60 }

  # The processor evaluates the conditions, so that devices may publish by Basic Ingest.
  alerts = {
    evaluate   = "stream"
    thresholds = { max_temperature = 30 }
    rules      = { hot = { when = "data.temperature > threshold.max_temperature", notify_resolved = true } }
  }

  # A web application calls the API with the token of whoever is signed in. To send commands, or to change thresholds, the
  # token needs a scope of its own.
  api = {
    auth = "jwt"
    jwt = {
      issuer       = var.issuer
      audiences    = var.audiences
      read_scopes  = ["devices/read", "devices/write"]
      write_scopes = ["devices/write"]
    }
    cors_origins = ["https://app.example.com", "http://localhost:5173"]
    throttle     = { rate = 50, burst = 100 }
  }
}

output "api_url" {
  value = "${iot_pipeline.stable.api_endpoint}/v1"
}
