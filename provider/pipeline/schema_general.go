package pipeline

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// general is what concerns the pipeline as a whole.
func general() capability {
	return capability{
		arguments: attributes{
			"name": required("Name of the pipeline, with which the names of all its objects begin. Must start with a " +
				"lowercase letter and contain only lowercase letters, digits and hyphens. Changing this replaces the " +
				"pipeline."),
			"region": schema.StringAttribute{Optional: true, Computed: true,
				MarkdownDescription: "AWS region of the pipeline. Defaults to the region of the provider. Changing " +
					"this replaces the pipeline."},
			"topic_prefix": optional("Prefix of the devices' topics, `<topic_prefix>/<device>/telemetry`, `…/status` " +
				"and `…/commands`. Must have 1 to 4 levels without wildcards. Defaults to `name`. After a change, " +
				"devices must use the new topics."),
			"permissions_boundary": optional("ARN of the managed policy that is the permissions boundary of every " +
				"role."),
			"tags": textMap("Tags of every object of the pipeline. They override tags of the same key in the " +
				"provider's `default_tags`."),
			"force_destroy": flag("Whether `terraform destroy` deletes archived messages, time series and devices " +
				"that have registered themselves or were adopted. When `false`, destroy refuses while there are " +
				"data or registered devices, and releases adopted ones. Apply the change before the destroy. " +
				"Defaults to `false`."),
			"deep_check": flag("Whether each refresh also checks what lists do not show: that the certificate of " +
				"each device is attached to its thing, and that its credentials are in the store. The check takes " +
				"one request per device, and AWS allows ten per second. With `true`, each plan checks at once. " +
				"Defaults to `true` with up to 20 devices and to `false` with more."),
			"timeouts": timeouts(),
		},
		computed: attributes{
			"id": result("Owner token: the value of the tag `iot-pipeline:id` of every object of the " +
				"pipeline."),
			"account_id":    result("ID of the AWS account of the pipeline."),
			"mqtt_endpoint": result("Host name that devices connect to, on port 8883 with mutual TLS."),
			"topics": resultObject("Topics of a device, with `{thing}` in place of its name.", attributes{
				"telemetry": result("Topic that the device publishes measures to."),
				"status":    result("Topic that the device publishes its connection status to."),
				"commands":  result("Topic that the device receives commands from."),
			}),
			"tags_all": resultMap("Tags of every object, including those of the provider's `default_tags`."),
			"parts":    parts(),
		},
	}
}

func timeouts() schema.Attribute {
	return object("Time that an operation may take, such as `30m`. When it is over, the state keeps what is done, "+
		"and the next apply continues.", attributes{
		"create": optional("Time to create the pipeline. Defaults to `30m`."),
		"read":   optional("Time to read the pipeline. Defaults to `10m`."),
		"update": optional("Time to update the pipeline. Defaults to `30m`."),
		"delete": optional("Time to delete the pipeline; AWS keeps a thing type for five minutes. Defaults to `45m`."),
	})
}

func parts() schema.Attribute {
	return resultObjects("AWS objects of the pipeline by key, such as `rule/telemetry`. A status other than `ready` "+
		"is drift, which the next apply repairs.", attributes{
		"kind": result("Kind of the object, such as `topic_rule`."),
		"name": result("Name of the object in AWS."),
		"id":   result("ID of the object in AWS."),
		"arn":  result("ARN of the object. Empty if it has none."),
		"status": result("Status of the object: `ready`, `missing`, `incomplete`, `foreign` (an object of another " +
			"owner has the name), or `drifted: …` with the fields that differ."),
		"needs":   resultList("Keys of the parts that this part needs. Parts are deleted in reverse order."),
		"outputs": resultMap("Further facts about the object, such as the URL of a queue."),
	})
}
