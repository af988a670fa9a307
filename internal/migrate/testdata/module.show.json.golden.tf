# Written by iotctl migrate. Read the guide "Migrating" before you apply it, and compare the topics and the
# client IDs of the devices with what the pipeline's policy allows.

resource "iot_pipeline" "north-1" {
  name   = "north-1"
  region = "eu-central-1"

  # adopt can be removed after the apply.
  devices = {
    valve-0 = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/1111111111111111111111111111111111111111111111111111111111111111"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/valve-0"
      }
    }
  }
}

# Terraform forgets these and leaves them as they are. Remove their resource blocks, and replace references to
# them by their values.

removed {
  from = module.fleet.aws_iot_certificate.device
  lifecycle {
    destroy = false
  }
}

removed {
  from = module.fleet.aws_iot_thing.device
  lifecycle {
    destroy = false
  }
}

removed {
  from = module.fleet.aws_iot_thing_principal_attachment.device
  lifecycle {
    destroy = false
  }
}

# The devices keep their policies until the cut-over. Put these in place of the resources of the same name;
# remove them after the cut-over, when each device has connected once since the apply.

# In module.fleet:
resource "aws_iot_policy_attachment" "device" {
  count  = 1
  policy = ["devices"][count.index]
  target = ["arn:aws:iot:eu-central-1:123456789012:cert/1111111111111111111111111111111111111111111111111111111111111111"][count.index]
}

# Not taken over, or to be looked at:
# - aws_iot_policy.devices: stays. Compare it with the pipeline's policy (part "policy"), and destroy it after
# the cut-over
# - module.fleet["north"].module.rules.aws_iot_topic_rule.a: stays, and reads beside the pipeline's rules.
# Destroy it after the cut-over, with what it writes to. It runs: SELECT * FROM 'a/+/telemetry'
# - module.fleet["north"].module.rules.aws_iot_topic_rule.b: stays, and reads beside the pipeline's rules.
# Destroy it after the cut-over, with what it writes to. It runs: SELECT * FROM 'b/+/telemetry'
# - topic_prefix: rules read a/+/telemetry, b/+/telemetry; choose one, or migrate each fleet into its own
# pipeline with --thing
