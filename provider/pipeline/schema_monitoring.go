package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// monitoring tells people of devices that fall silent.
func monitoring() capability {
	return capability{
		arguments: attributes{
			"monitoring": object("Watches the devices and tells people through the alert topic when one falls silent.",
				attributes{
					"silence_minutes": number("Minutes after which a device that sends nothing is silent.",
						pipeline.SilenceMinutes),
					"notify_return": flag("Whether to tell people when a silent device sends again. Defaults to " +
						"`true`."),
				}),
		},
	}
}
