package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
)

// TimestreamInfluxDB are the operations of Timestream for InfluxDB that the project uses.
type TimestreamInfluxDB struct {
	Options             func() timestreaminfluxdb.Options
	CreateDbInstance    Call[timestreaminfluxdb.CreateDbInstanceInput, timestreaminfluxdb.Options, timestreaminfluxdb.CreateDbInstanceOutput]
	DeleteDbInstance    Call[timestreaminfluxdb.DeleteDbInstanceInput, timestreaminfluxdb.Options, timestreaminfluxdb.DeleteDbInstanceOutput]
	GetDbInstance       Call[timestreaminfluxdb.GetDbInstanceInput, timestreaminfluxdb.Options, timestreaminfluxdb.GetDbInstanceOutput]
	ListDbInstances     TimestreamInfluxDBListDbInstances
	ListTagsForResource Call[timestreaminfluxdb.ListTagsForResourceInput, timestreaminfluxdb.Options, timestreaminfluxdb.ListTagsForResourceOutput]
	TagResource         Call[timestreaminfluxdb.TagResourceInput, timestreaminfluxdb.Options, timestreaminfluxdb.TagResourceOutput]
	UntagResource       Call[timestreaminfluxdb.UntagResourceInput, timestreaminfluxdb.Options, timestreaminfluxdb.UntagResourceOutput]
	UpdateDbInstance    Call[timestreaminfluxdb.UpdateDbInstanceInput, timestreaminfluxdb.Options, timestreaminfluxdb.UpdateDbInstanceOutput]
}

func newTimestreamInfluxDB(c *timestreaminfluxdb.Client) *TimestreamInfluxDB {
	return &TimestreamInfluxDB{
		Options:             c.Options,
		CreateDbInstance:    c.CreateDbInstance,
		DeleteDbInstance:    c.DeleteDbInstance,
		GetDbInstance:       c.GetDbInstance,
		ListDbInstances:     c.ListDbInstances,
		ListTagsForResource: c.ListTagsForResource,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
		UpdateDbInstance:    c.UpdateDbInstance,
	}
}

// TimestreamInfluxDBListDbInstances is an operation that the SDK's paginator takes.
type TimestreamInfluxDBListDbInstances Call[timestreaminfluxdb.ListDbInstancesInput, timestreaminfluxdb.Options, timestreaminfluxdb.ListDbInstancesOutput]

// ListDbInstances implements the paginator's interface.
func (call TimestreamInfluxDBListDbInstances) ListDbInstances(ctx context.Context, in *timestreaminfluxdb.ListDbInstancesInput, o ...func(*timestreaminfluxdb.Options)) (
	*timestreaminfluxdb.ListDbInstancesOutput, error,
) {
	return call(ctx, in, o...)
}
