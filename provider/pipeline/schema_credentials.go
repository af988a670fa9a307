package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// credentials is where devices' certificates and keys are kept.
func credentials() capability {
	return capability{arguments: attributes{
		"credentials": object("Where the certificate, private key and endpoint of a device are stored when the "+
			"provider generates the key.", attributes{
			"store": choice(fmt.Sprintf("Store: SSM Parameter Store, as SecureString, Secrets Manager, or an S3 "+
				"bucket that holds nothing else. A change moves the bundles of existing devices, which keep their "+
				"certificates. Defaults to `ssm` for a pipeline that starts with up to %d devices and to `s3` for "+
				"one with more, because Parameter Store takes three writes per second; a pipeline keeps what it has "+
				"when it grows.", pipeline.ParameterStoreFleet), pipeline.CredentialsStores),
			"path": optional("Path before the name of the device. Defaults to `/iot-pipeline/<name>/devices`. A " +
				"change moves the bundles."),
			"allowed_principals": textList("ARNs of the IAM roles and users that may read and write the bundles in " +
				"the bucket, with `*` for any part; the bucket refuses everybody else. It must include who runs " +
				"Terraform. By default, IAM policies alone decide."),
			"certificate_version": number("Version of the certificates that the provider makes. An apply with a "+
				"higher one gives each device another key and certificate beside the one that it has, and updates its "+
				"credentials. The certificate before stays valid until `iot_rotate_certificates` or `iotctl rotate` "+
				"retires it, or the version rises again. A lower one changes nothing. Devices with `csr_pem` or "+
				"`certificate_pem`, and adopted ones, are left as they are.", pipeline.CertificateVersion),
			"kms_key_id": optional("KMS key that encrypts the bundles. Defaults to the AWS managed key of the store. " +
				"A change encrypts the bundles again."),
		}),
	}, computed: attributes{
		"credentials_store": result("Store of the devices' credentials: `ssm`, `secretsmanager` or `s3`."),
		"certificates_expire": resultMap(fmt.Sprintf("Until when the certificates are valid that the configuration "+
			"brings, as RFC 3339 times: `certificate_pem` of devices by name, and `ca_certificate_pem` of "+
			"`provisioning.jitp` under the key `%s`. From 30 days before, every plan warns of a certificate, also of "+
			"those in the file of `devices_from`, which are not in this map. Certificates that AWS makes are valid "+
			"until the end of 2049.", pipeline.ExpiresJITP)),
	}}
}
