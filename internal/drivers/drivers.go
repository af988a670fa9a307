// Package drivers lists the driver of every kind of AWS object that a pipeline
// is made of. It must not know how any of them works.
package drivers

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/bucket"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/cacertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/eventsource"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/function"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iotpolicy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/loggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/parameter"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/provisioningtemplate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/queue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/role"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/stream"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/subscription"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/table"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/tableitem"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thinggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thingtype"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamtable"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/topic"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/topicrule"
	"github.com/iot-pipeline/terraform-provider-iot/internal/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Registry gives the driver of each kind for the clients' account and region; devices is the one that is not a driver of a single object.
func Registry(c *awsapi.Clients, devices assembly.Driver[object.Fleet]) assembly.Registry {
	return assembly.Registry{
		object.KindParameter:          assembly.Erase(parameter.New(c)),
		object.KindThingGroup:         assembly.Erase(thinggroup.New(c)),
		object.KindThingType:          assembly.Erase(thingtype.New(c)),
		object.KindIoTPolicy:          assembly.Erase(iotpolicy.New(c)),
		object.KindFleet:              assembly.Erase(devices),
		object.KindTopicRule:          assembly.Erase(topicrule.New(c)),
		object.KindStream:             assembly.Erase(stream.New(c)),
		object.KindTimestreamDatabase: assembly.Erase(timestreamdb.New(c)),
		object.KindTimestreamTable:    assembly.Erase(timestreamtable.New(c)),
		object.KindTable:              assembly.Erase(table.New(c)),
		object.KindTableItem:          assembly.Erase(tableitem.New(c)),
		object.KindBucket:             assembly.Erase(bucket.New(c)),
		object.KindTopic:              assembly.Erase(topic.New(c)),
		object.KindSubscription:       assembly.Erase(subscription.New(c)),
		object.KindQueue:              assembly.Erase(queue.New(c)),
		object.KindRole:               assembly.Erase(role.New(c)),
		object.KindLogGroup:           assembly.Erase(loggroup.New(c)),
		object.KindFunction:           assembly.Erase(function.New(c)),
		object.KindEventSource:        assembly.Erase(eventsource.New(c)),
		object.KindTemplate:           assembly.Erase(provisioningtemplate.New(c)),
		object.KindClaimCertificate:   assembly.Erase(fleet.NewClaims(c)),
		object.KindCACertificate:      assembly.Erase(cacertificate.New(c)),
	}
}
