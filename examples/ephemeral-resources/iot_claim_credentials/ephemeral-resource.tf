ephemeral "iot_claim_credentials" "greenhouse" {
  pipeline = "greenhouse"
}

# Hand the claim certificate to the factory.
resource "terraform_data" "factory" {
  provisioner "local-exec" {
    command = "printf '%s' \"$BUNDLE\" > claim.json"
    environment = {
      BUNDLE = jsonencode(ephemeral.iot_claim_credentials.greenhouse)
    }
  }
}
