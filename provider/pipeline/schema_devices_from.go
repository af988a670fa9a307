package pipeline

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// devicesFrom is the argument for fleets that are too large for a map.
func devicesFrom() schema.Attribute {
	return group(
		"A fleet of any size that is written in a file, in place of `devices`. The IoT registry is the record of these devices: the state holds a digest and "+
			"counts, an import or a lost state changes nothing. A plan reads and checks the file, and says in `fleet` how many devices are added, changed and removed. "+
			"A file that changes between plan and apply stops the apply before anything is changed (Terraform calls the final plan inconsistent and shows both values of `fleet.digest`).",
		map[string]schema.Attribute{
			"file": required(
				"Path of the file, relative to where Terraform runs; in a module write `\"${path.module}/fleet.csv\"`. A `.csv` file has a header line with the columns `name` and, " +
					"as needed, `enabled` (`true` or `false`), `attributes.<key>`, `csr_pem`, `csr_file`, `certificate_pem` and `certificate_file`. A `.ndjson` or `.jsonl` file has one " +
					"JSON object per line with the same members and the object `attributes`. Paths in the file are relative to its own folder.",
			),
			"report": text(
				"Path of a CSV file that each plan writes: every device that will be added, changed or removed, by name. Default: none.",
			),
		},
	)
}

// fleetResult is what is known of the devices of a file.
func fleetResult() schema.Attribute {
	return schema.SingleNestedAttribute{
		Computed:            true,
		MarkdownDescription: "The devices of `devices_from`; null without it. What their objects are called stands in `naming`.",
		Attributes: map[string]schema.Attribute{
			"digest": result(
				"SHA-256 of the file and of the files that it names, as last applied; null after an import whose devices are not those of the file.",
			),
			"devices": schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of devices."},
			"changes": schema.SingleNestedAttribute{
				Computed:            true,
				MarkdownDescription: "What the planned, or else the last, change of the devices does.",
				Attributes: map[string]schema.Attribute{
					"added":   deviceListResult("Devices that are made."),
					"changed": deviceListResult("Devices that are changed or repaired."),
					"removed": deviceListResult("Devices that are removed with their certificates and credentials."),
				},
			},
		},
	}
}

func deviceListResult(description string) schema.Attribute {
	return schema.SingleNestedAttribute{
		Computed:            true,
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"count": schema.Int64Attribute{Computed: true, MarkdownDescription: "How many."},
			"first": schema.ListAttribute{
				Computed:            true,
				ElementType:         stringType,
				MarkdownDescription: "Names of the first twenty.",
			},
		},
	}
}
