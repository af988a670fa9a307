package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// provisioning is how devices register themselves.
func provisioning() capability {
	return capability{
		arguments: attributes{
			"provisioning": object("How devices register themselves. They join the thing group of the pipeline, "+
				"which gives them its policy, and count in `registered_devices_count`. A pipeline may also have "+
				"`devices`. Removing the block stops new registrations; registered devices and their certificates "+
				"stay until the pipeline is destroyed.", attributes{
				"claim": object("Fleet provisioning by claim. Every device leaves the factory with the same claim "+
					"certificate, which only allows it to request its own certificate. The provider creates the "+
					"claim certificate and its key and keeps them in the credentials store; see `registration`. A "+
					"device may register once, if its serial number is in the allow list, a DynamoDB table.",
					attributes{
						"thing_name_prefix": optional("Prefix of the names of things; the serial number follows. " +
							"Applies to devices that register later."),
						"attributes": textSet("Names of the parameters that become attributes of the thing. Each " +
							"must have a value, from the allow list or else from the device. Applies to devices that " +
							"register later."),
						"certificate_version": number("Version of the claim certificate. A change creates a new "+
							"certificate and removes the previous one at once.", pipeline.ClaimCertificateVersion),
					}),
				"jitp": object("Just-in-time provisioning. A device with a certificate of your own certificate "+
					"authority is registered when it first connects, under the common name of the certificate.",
					attributes{
						"ca_certificate_pem": required("Certificate of the authority in PEM format. It is registered " +
							"for devices that send the host name in the TLS handshake (SNI), which needs no proof of " +
							"its key. A change registers the new authority and removes the old one; registered " +
							"devices stay."),
						"thing_name_prefix": optional("Prefix of the names of things; the common name follows. " +
							"Applies to devices that register later."),
					}),
			}),
		},
		computed: attributes{
			"registered_devices_count": resultNumber("Number of devices that have registered themselves, as of the " +
				"last refresh."),
			"registration": resultObject("What devices need to register themselves. Null without `provisioning`.",
				attributes{
					"claim_template": result("Name of the provisioning template of the claim flow. Devices publish " +
						"to `$aws/provisioning-templates/<name>/provision/json`. Null without `claim`."),
					"claim_credentials": result("Name of the parameter or secret with the claim certificate, its " +
						"private key and the endpoint. Null without `claim`."),
					"allow_list_table": result("Name of the DynamoDB table whose key `serial` lists the devices that " +
						"may register. Null without `claim`."),
					"jitp_template": result("Name of the template of just-in-time provisioning. Null without " +
						"`jitp`."),
					"ca_certificate_id": result("ID of the registered certificate authority. Null without `jitp`."),
				}),
		},
	}
}
