package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// devices are the things, from the map or from a file, and their identities.
func devices() capability {
	return capability{
		arguments: attributes{
			"devices": objects("Devices by name, which is the name of the thing and the MQTT client ID. For up to "+
				"about a thousand devices; use `devices_from` for more. Adding, changing or removing a device "+
				"affects that device only. `gw-1:soil-1` is the device `soil-1` behind the gateway `gw-1`: it has a "+
				"thing, but neither certificate nor credentials.", attributes{
				"attributes": textMap("Attributes of the thing: up to 48, without spaces. They can be searched."),
				"csr_pem": optional("Certificate signing request in PEM format. AWS signs it; the private key never " +
					"leaves the device. Without this and `certificate_pem`, the provider generates the key pair in " +
					"memory and writes it to the credentials store, never to the state. Changing this replaces the " +
					"certificate."),
				"certificate_pem": optional("Certificate in PEM format that the device already has; it is registered " +
					"as it is. Changing this replaces the certificate."),
				"enabled": schema.BoolAttribute{Optional: true, Computed: true,
					MarkdownDescription: "Whether the device may connect. When `false`, its certificate is inactive. " +
						"Defaults to `true`."},
				"gateway": object("Lets the device speak for the devices behind it, whose names begin with its own "+
					"name and a colon, and brings it the settings of `edge`. Needs `edge`.",
					attributes{}),
				"adopt": adopt(),
				"silence_minutes": number("Minutes after which this device is silent, in place of "+
					"`monitoring.silence_minutes`.", pipeline.DeviceSilenceMinutes),
				"certificate_version": number("`credentials.certificate_version` for this device alone; the larger "+
					"of the two counts. Not with `csr_pem`, `certificate_pem` or adopted certificates.",
					pipeline.DeviceCertificateVersion),
			}),
			"devices_from": devicesFrom(),
		},
		computed: attributes{
			"naming": resultObject("Names of the objects of a device, with `{thing}` in place of its name and "+
				"`{certificate_id}` in place of the ID of its certificate, such as "+
				"`replace(iot_pipeline.farm.naming.thing_arn, \"{thing}\", \"soil-001\")`.", attributes{
				"thing_arn":       result("ARN of the thing."),
				"certificate_arn": result("ARN of the certificate."),
				"credentials":     result("Name of the parameter or secret that holds the credentials."),
			}),
			"identities": resultObjects("What AWS assigned to each device, by name. The ARNs of things and "+
				"certificates follow from `naming`. Empty with `devices_from`.", attributes{
				"certificate_id": result("ID of the certificate. Null for a device behind a gateway."),
				"certificate_version": resultNumber("`certificate_version` with which the provider made the " +
					"certificate. Null if it has not made the key."),
				"credentials": result("ARN of the parameter or secret that holds the certificate, the endpoint and " +
					"the topics, and the private key if the provider generated it. Null for a device behind a " +
					"gateway."),
			}),
			"fleet": fleetResult(),
		},
	}
}

// adopt is write-only: once the thing is the pipeline's own, neither its presence nor its removal makes a difference.
func adopt() schema.Attribute {
	a := object("Takes over a thing and its certificates that exist already and that no pipeline owns, such as those "+
		"of `aws_iot_thing` and `aws_iot_certificate`. The device keeps its certificates and its connection. Has no "+
		"effect on a device that is the pipeline's own, so that it can be removed after the apply. Without "+
		"`force_destroy`, a removal of the device or of the pipeline releases the thing and the certificates in place "+
		"of deleting them. "+
		"See the guide [Migrating](../guides/migrating.md).", attributes{
		"thing_arn": schema.StringAttribute{Required: true, WriteOnly: true,
			MarkdownDescription: "ARN of the thing. Its name is that of the device."},
		"certificate_arns": schema.ListAttribute{Optional: true, WriteOnly: true, ElementType: types.StringType,
			MarkdownDescription: "ARNs of all certificates that are attached to the thing, up to 10, and of those " +
				"that only have a policy and that the device uses. They must be active, unless `enabled` is `false`, " +
				"and attached to no other thing. Without any, the device gets a certificate as a new device does."},
	})
	a.WriteOnly = true
	return a
}

// devicesFrom is the argument for fleets that are too large for a map.
func devicesFrom() schema.Attribute {
	return object("File that lists the devices, in place of `devices`, for fleets of any size. The IoT registry is "+
		"the record of these devices: the state holds a digest and counts, so an import or a lost state changes "+
		"nothing. Each plan reads and checks the file, and shows in `fleet` how many devices are added, changed and "+
		"removed. If the file changes between plan and apply, the apply stops before it changes anything: Terraform "+
		"reports an inconsistent final plan with both values of `fleet.digest`.", attributes{
		"file": required("Path of the file, relative to the working directory; in a module, write " +
			"`\"${path.module}/fleet.csv\"`. A `.csv` file has a header line with the column `name` and, as needed, " +
			"`enabled` and `gateway` (`true` or `false`), `silence_minutes`, `certificate_version`, " +
			"`attributes.<key>`, `csr_pem`, `csr_file`, `certificate_pem` and " +
			"`certificate_file`. A `.ndjson` or `.jsonl` file has one JSON object per line with the same members and " +
			"the object `attributes`. Paths in the file are relative to its folder."),
		"report": optional("Path of a CSV file that each plan writes, with the name of every device that is added, " +
			"changed or removed."),
	})
}

// fleetResult is what is known of the devices of a file.
func fleetResult() schema.Attribute {
	return resultObject("Devices of `devices_from`. Null without it.", attributes{
		"digest": result("SHA-256 of the file and of the files that it names, as last applied. Null after an import " +
			"whose devices differ from the file."),
		"devices": resultNumber("Number of devices."),
		"changes": resultObject("Devices that the planned change affects, or else the last one.", attributes{
			"added":   deviceListResult("Devices that are created."),
			"changed": deviceListResult("Devices that are changed or repaired."),
			"removed": deviceListResult("Devices that are removed with their certificates and credentials."),
			"rotated": deviceListResult("Devices, of those that are changed, that get another certificate beside " +
				"the one that they have, because of `certificate_version`."),
		}),
	})
}

func deviceListResult(description string) schema.Attribute {
	return resultObject(description, attributes{
		"count": resultNumber("Number of devices."),
		"first": resultList("Names of the first twenty."),
	})
}
