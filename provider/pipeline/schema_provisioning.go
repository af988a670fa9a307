package pipeline

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// provisioning is the argument for devices that register themselves.
func provisioning() schema.Attribute {
	return group(
		"How devices register themselves. They join the pipeline's thing group, and so get its policy, and are counted in `registered_devices_count`; beside them there may be "+
			"described `devices`. Removing the block closes the door; devices that have registered stay, and keep their certificates, until the pipeline is destroyed.",
		map[string]schema.Attribute{
			"claim": group(
				"Fleet provisioning by claim: every device leaves the factory with the same claim certificate, which can do nothing but ask for a certificate of the device's own. "+
					"The certificate and its key are made here and kept in the credentials store; `registration` says where. A device is admitted once, if its serial is in the allow-list, a DynamoDB table.",
				map[string]schema.Attribute{
					"thing_name_prefix": text(
						"What the names of things begin with; behind it comes the serial. Default: none. A change holds for devices that register later.",
					),
					"attributes": textSet(
						"Names of parameters that become attributes of the thing. Each must have a value, from the allow-list or else from the device. " +
							"Default: none. A change holds for devices that register later.",
					),
					"certificate_version": number(
						"Number of the claim certificate. A change makes another one and removes the one before, at once. Default: 1.",
					),
				},
			),
			"jitp": group(
				"Just-in-time provisioning: a device that has a certificate of your own authority is registered when it first connects, under the certificate's common name.",
				map[string]schema.Attribute{
					"ca_certificate_pem": required(
						"Certificate (PEM) of the authority. It is registered for devices that send the host name in the TLS handshake (SNI), which needs no proof of its key. " +
							"A change registers the new authority and removes the old one; devices that have registered stay.",
					),
					"thing_name_prefix": text(
						"What the names of things begin with; behind it comes the common name. Default: none. A change holds for devices that register later.",
					),
				},
			),
		},
	)
}

// registrationResult is what is known of how devices register.
func registrationResult() schema.Attribute {
	return schema.SingleNestedAttribute{
		Computed:            true,
		MarkdownDescription: "What those need who let devices register themselves; null without `provisioning`.",
		Attributes: map[string]schema.Attribute{
			"claim_template": result(
				"Name of the provisioning template of the claim flow; devices publish to `$aws/provisioning-templates/<name>/provision/json`. Null without `claim`.",
			),
			"claim_credentials": result(
				"Name of the parameter or secret with the claim certificate, its private key and the endpoint. Null without `claim`.",
			),
			"allow_list_table": result(
				"Name of the DynamoDB table whose key `serial` says which devices may register. Null without `claim`.",
			),
			"jitp_template": result(
				"Name of the provisioning template of just-in-time provisioning. Null without `jitp`.",
			),
			"ca_certificate_id": result("ID of the registered authority. Null without `jitp`."),
		},
	}
}
