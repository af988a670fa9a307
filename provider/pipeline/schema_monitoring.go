package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

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
					"presence": flag("Whether the device table shows which devices are connected, from AWS IoT's " +
						"lifecycle events; a device whose connection ends is `offline`. Defaults to `true`."),
					"alarms": alarms(),
					"dashboard": flag("Whether there is a CloudWatch dashboard, called `<name>-<region>`. It costs " +
						"3 USD a month: the three free dashboards of an account have 50 metrics at most, and this " +
						"one has more. Defaults to `true`."),
				}),
		},
	}
}

// alarms are those of the pipeline's table.
func alarms() schema.SingleNestedAttribute {
	members := attributes{"enabled": flag("Whether there are alarms. Defaults to `true`.")}
	for _, a := range pipeline.Alarms() {
		on := "`true`"
		if a.Off {
			on = "`false`"
		}
		members[a.Name] = object(a.Means, attributes{
			"enabled": flag("Whether there is this alarm. Defaults to " + on + "."),
			"threshold": number("The alarm goes off at this many "+a.Unit+". Defaults to "+a.Default+".",
				a.Threshold),
		})
	}
	return object("CloudWatch alarms on the pipeline itself, of which people hear through the alert topic.", members)
}
