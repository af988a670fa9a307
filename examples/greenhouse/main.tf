# A whole telemetry pipeline: two devices, time series, an archive, alerts and monitoring.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {
  region = var.region

  # Only for a local AWS, such as moto: AWS needs no endpoints.
  dynamic "endpoints" {
    for_each = var.endpoint == null ? [] : [var.endpoint]
    content {
      athena          = endpoints.value
      cloudwatch      = endpoints.value
      dynamodb        = endpoints.value
      firehose        = endpoints.value
      glue            = endpoints.value
      iam             = endpoints.value
      iot             = endpoints.value
      kinesis         = endpoints.value
      lambda          = endpoints.value
      logs            = endpoints.value
      s3              = endpoints.value
      scheduler       = endpoints.value
      secretsmanager  = endpoints.value
      sns             = endpoints.value
      sqs             = endpoints.value
      ssm             = endpoints.value
      sts             = endpoints.value
      timestreamwrite = endpoints.value
    }
  }
  s3_use_path_style = var.endpoint != null
}

resource "iot_pipeline" "greenhouse" {
  name = "greenhouse"

  devices = {
    "soil-001" = { attributes = { bay = "1" } }                    # the provider generates the key; it never enters the state
    "soil-002" = { csr_pem = file("${path.module}/soil-002.csr") } # key never leaves the device
  }

  timestream = var.timestream ? {} : null # only for accounts that already use LiveAnalytics
  archive    = { expire_after_days = 365 }
  metrics    = { window_seconds = var.metrics_window_seconds } # per device and measure

  alerts = {
    emails = ["ops@example.com"]
    rules = {
      dry = { when = "data.humidity < 35", severity = "warning", message = "Humidity $${data.humidity} on $${thing}" }
      hot = { when = "data.temperature > 50", severity = "critical", command = jsonencode({ action = "enter_safe_mode" }) }
    }
  }

  monitoring = { silence_minutes = 10 } # people hear of a device that has stopped sending

  force_destroy = var.force_destroy
}
