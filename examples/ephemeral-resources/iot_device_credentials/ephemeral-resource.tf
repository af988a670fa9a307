ephemeral "iot_device_credentials" "soil_001" {
  pipeline = "greenhouse"
  device   = "soil-001"
}

# Hand the bundle to the program that flashes the device.
resource "terraform_data" "flash" {
  provisioner "local-exec" {
    command = "printf '%s' \"$BUNDLE\" > soil-001.json"
    environment = {
      BUNDLE = jsonencode(ephemeral.iot_device_credentials.soil_001)
    }
  }
}
