# Written by iotctl migrate. Read the guide "Migrating" before you apply it, and compare the topics and the
# client IDs of the devices with what the pipeline's policy allows.

resource "iot_pipeline" "greenhouse" {
  name         = "greenhouse"
  region       = "eu-central-1"
  topic_prefix = "sensors/v1"

  # adopt can be removed after the apply.
  devices = {
    gate = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/0303030303030303030303030303030303030303030303030303030303030303"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/gate"
      }
    }
    mixed-a = {
      adopt = {
        thing_arn = "arn:aws:iot:eu-central-1:123456789012:thing/mixed-a"
      }
    }
    pump-0 = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/0404040404040404040404040404040404040404040404040404040404040404"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/pump-0"
      }
      enabled = false
    }
    pump-1 = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/0505050505050505050505050505050505050505050505050505050505050505"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/pump-1"
      }
    }
    soil-001 = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/0101010101010101010101010101010101010101010101010101010101010101"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/soil-001"
      }
      attributes = {
        bay  = "1"
        hall = "north"
      }
    }
    soil-002 = {
      adopt = {
        certificate_arns = ["arn:aws:iot:eu-central-1:123456789012:cert/0202020202020202020202020202020202020202020202020202020202020202"]
        thing_arn        = "arn:aws:iot:eu-central-1:123456789012:thing/soil-002"
      }
      attributes = {
        bay = "2"
      }
    }
  }
}

# Terraform forgets these and leaves them as they are. Remove their resource blocks, and replace references to
# them by their values.

removed {
  from = aws_iot_certificate.gate
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_certificate.pump
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_certificate.soil
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing.gate
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing.pump
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing.soil
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing_group_membership.soil
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing_principal_attachment.gate
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing_principal_attachment.pump
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iot_thing_principal_attachment.soil
  lifecycle {
    destroy = false
  }
}

# Other instances of the resources of these stay. Before the apply, run:
#   terraform state rm 'aws_iot_thing.mixed["a"]'

# The devices keep their policies until the cut-over. Put these in place of the resources of the same name;
# remove them after the cut-over, when each device has connected once since the apply.

resource "aws_iot_policy_attachment" "gate" {
  policy = "sensors"
  target = "arn:aws:iot:eu-central-1:123456789012:cert/0303030303030303030303030303030303030303030303030303030303030303"
}

resource "aws_iot_policy_attachment" "pump" {
  count  = 2
  policy = ["sensors", "sensors"][count.index]
  target = ["arn:aws:iot:eu-central-1:123456789012:cert/0404040404040404040404040404040404040404040404040404040404040404", "arn:aws:iot:eu-central-1:123456789012:cert/0505050505050505050505050505050505050505050505050505050505050505"][count.index]
}

resource "aws_iot_policy_attachment" "soil" {
  for_each = {
    soil-001 = {
      policy = "sensors"
      target = "arn:aws:iot:eu-central-1:123456789012:cert/0101010101010101010101010101010101010101010101010101010101010101"
    }
    soil-002 = {
      policy = "sensors"
      target = "arn:aws:iot:eu-central-1:123456789012:cert/0202020202020202020202020202020202020202020202020202020202020202"
    }
  }
  policy = each.value.policy
  target = each.value.target
}

# Not taken over, or to be looked at:
# - aws_iot_certificate: the state holds private keys: 1. They are not here; they leave the state with the
# removed blocks, and stay in its earlier versions
# - aws_iot_certificate.shared: the certificate is attached to none of the devices. If a device uses it, add
# its ARN to certificate_arns of that device:
# arn:aws:iot:eu-central-1:123456789012:cert/0707070707070707070707070707070707070707070707070707070707070707
# - aws_iot_certificate.spare: the certificate is attached to none of the devices. If a device uses it, add
# its ARN to certificate_arns of that device:
# arn:aws:iot:eu-central-1:123456789012:cert/0606060606060606060606060606060606060606060606060606060606060606
# - aws_iot_policy.sensors: stays. Compare it with the pipeline's policy (part "policy"), and destroy it after
# the cut-over
# - aws_iot_policy_attachment.spare: stays: it is for
# arn:aws:iot:eu-central-1:123456789012:cert/0606060606060606060606060606060606060606060606060606060606060606
# - aws_iot_something_new.x: not understood, and left as it is
# - aws_iot_thing.mixed["b c"]: the thing mixed:b:c is not taken over
# - aws_iot_thing.twin["a"]: the thing twin-a is not taken over
# - aws_iot_thing.twin["b"]: the thing twin-b is not taken over
# - aws_iot_thing_group.north: stays. Things keep their groups; destroy it when nothing needs it. A policy
# that is attached to it is effective until then
# - aws_iot_thing_principal_attachment.twin["a"]: it belongs to a thing that is not taken over
# - aws_iot_thing_principal_attachment.twin["b"]: it belongs to a thing that is not taken over
# - aws_iot_thing_type.sensor: stays. The things get the pipeline's type; destroy it after the cut-over, or
# keep it to be able to go back
# - aws_iot_topic_rule.errors: stays, and reads beside the pipeline's rules. Destroy it after the cut-over,
# with what it writes to. It runs: SELECT * FROM 'sensors/v1/+/errors'
# - aws_iot_topic_rule.telemetry: stays, and reads beside the pipeline's rules. Destroy it after the cut-over,
# with what it writes to. It runs: SELECT *, topic(3) AS thing FROM 'sensors/v1/+/telemetry'
# - other resources: not looked at: 3 aws_iam_role, 1 aws_kinesis_stream
# - thing mixed-a: the state attaches no certificate to it. If one is attached, or if the device uses one that
# only has a policy, add its ARN as certificate_arns; otherwise the device gets a new one
# - thing mixed:b:c: the state attaches no certificate to it. If one is attached, or if the device uses one
# that only has a policy, add its ARN as certificate_arns; otherwise the device gets a new one. left out:
# Device name "mixed:b:c" is not valid. A colon is between the name of a gateway and that of a device behind
# it, such as gw-1:soil-1. Both consist of letters, digits, hyphens and underscores; the second has at most 64
# of them, and all together at most 128.
# - thing twin-a: left out: its certificate
# arn:aws:iot:eu-central-1:123456789012:cert/0707070707070707070707070707070707070707070707070707070707070707
# is attached to twin-b too; give each device its own
# - thing twin-b: left out: its certificate
# arn:aws:iot:eu-central-1:123456789012:cert/0707070707070707070707070707070707070707070707070707070707070707
# is attached to twin-a too; give each device its own
