# By name, in the provider's region; "greenhouse@eu-central-1" for another one
import {
  to = iot_pipeline.greenhouse
  id = "greenhouse"
}
