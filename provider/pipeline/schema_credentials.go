package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// credentials is where devices' certificates and keys are kept.
func credentials() capability {
	return capability{arguments: attributes{
		"credentials": object("Where the certificate, private key and endpoint of a device are stored when the "+
			"provider generates the key.", attributes{
			"store": choice("Store: SSM Parameter Store, as SecureString, or Secrets Manager. A change moves the "+
				"bundles of existing devices, which keep their certificates.", pipeline.CredentialsStores),
			"path": optional("Path before the name of the device. Defaults to `/iot-pipeline/<name>/devices`. A " +
				"change moves the bundles."),
			"kms_key_id": optional("KMS key that encrypts the bundles. Defaults to the AWS managed key of the store. " +
				"A change encrypts the bundles again."),
		}),
	}}
}
