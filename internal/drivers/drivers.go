// Package drivers lists the driver of every kind of AWS object that a pipeline
// is made of. It must not know how any of them works.
package drivers

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/cacertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/claimcertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/dashboard"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/deliverystream"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/dynamoitem"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/dynamotable"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/eventsource"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/function"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/gluedatabase"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/gluetable"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/greengrasscomponent"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/greengrassdeployment"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/groupmembers"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapiroutes"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapistage"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iamrole"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/influxdbinstance"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iotpolicy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kinesisstream"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/loggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/logstream"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/metricalarm"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/namedquery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/parameter"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/provisioningtemplate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/rolealias"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/s3bucket"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/schedule"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/schedulegroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/snstopic"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/sqsqueue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/subscription"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thinggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thingtype"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamtable"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/topicrule"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/workgroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Registry gives the driver of each kind for the clients' account and region; devices is the one that is not a driver
// of a single object.
func Registry(c *awsapi.Clients, devices assembly.Driver[spec.Fleet]) assembly.Registry {
	return assembly.Registry{
		spec.KindParameter:          assembly.Erase(parameter.New(c)),
		spec.KindThingGroup:         assembly.Erase(thinggroup.New(c)),
		spec.KindThingType:          assembly.Erase(thingtype.New(c)),
		spec.KindIoTPolicy:          assembly.Erase(iotpolicy.New(c)),
		spec.KindFleet:              assembly.Erase(devices),
		spec.KindTopicRule:          assembly.Erase(topicrule.New(c)),
		spec.KindStream:             assembly.Erase(kinesisstream.New(c)),
		spec.KindTimestreamDatabase: assembly.Erase(timestreamdb.New(c)),
		spec.KindTimestreamTable:    assembly.Erase(timestreamtable.New(c)),
		spec.KindInfluxDBInstance:   assembly.Erase(influxdbinstance.New(c)),
		spec.KindTable:              assembly.Erase(dynamotable.New(c)),
		spec.KindTableItem:          assembly.Erase(dynamoitem.New(c)),
		spec.KindBucket:             assembly.Erase(s3bucket.New(c)),
		spec.KindTopic:              assembly.Erase(snstopic.New(c)),
		spec.KindSubscription:       assembly.Erase(subscription.New(c)),
		spec.KindQueue:              assembly.Erase(sqsqueue.New(c)),
		spec.KindRole:               assembly.Erase(iamrole.New(c)),
		spec.KindLogGroup:           assembly.Erase(loggroup.New(c)),
		spec.KindFunction:           assembly.Erase(function.New(c)),
		spec.KindEventSource:        assembly.Erase(eventsource.New(c)),
		spec.KindTemplate:           assembly.Erase(provisioningtemplate.New(c)),
		spec.KindClaimCertificate:   assembly.Erase(claimcertificate.New(c)),
		spec.KindCACertificate:      assembly.Erase(cacertificate.New(c)),
		spec.KindLogStream:          assembly.Erase(logstream.New(c)),
		spec.KindDeliveryStream:     assembly.Erase(deliverystream.New(c)),
		spec.KindGlueDatabase:       assembly.Erase(gluedatabase.New(c)),
		spec.KindGlueTable:          assembly.Erase(gluetable.New(c)),
		spec.KindWorkgroup:          assembly.Erase(workgroup.New(c)),
		spec.KindNamedQuery:         assembly.Erase(namedquery.New(c)),
		spec.KindMetricAlarm:        assembly.Erase(metricalarm.New(c)),
		spec.KindDashboard:          assembly.Erase(dashboard.New(c)),
		spec.KindRoleAlias:          assembly.Erase(rolealias.New(c)),
		spec.KindGroupMembers:       assembly.Erase(groupmembers.New(c)),
		spec.KindComponent:          assembly.Erase(greengrasscomponent.New(c)),
		spec.KindDeployment:         assembly.Erase(greengrassdeployment.New(c)),
		spec.KindScheduleGroup:      assembly.Erase(schedulegroup.New(c)),
		spec.KindSchedule:           assembly.Erase(schedule.New(c)),
		spec.KindHTTPAPI:            assembly.Erase(httpapi.New(c)),
		spec.KindHTTPAPIRoutes:      assembly.Erase(httpapiroutes.New(c)),
		spec.KindHTTPAPIStage:       assembly.Erase(httpapistage.New(c)),
	}
}
