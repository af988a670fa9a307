package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// KinesisRoute puts one record per message on a stream in this account.
type KinesisRoute struct {
	StreamName   string  `json:"stream_name"`
	PartitionKey *string `json:"partition_key,omitzero"` // template; nil: a random key
}

func (a *KinesisRoute) desired(role string) spec.Action {
	// Without a partition key all records would go to one shard.
	return spec.Action{Kinesis: &spec.KinesisAction{
		RoleARN: role, StreamName: a.StreamName, PartitionKey: *or(a.PartitionKey, "${newuuid()}")}}
}

func (a *KinesisRoute) grants(n arns) []statement {
	return []statement{allow([]string{"kinesis:PutRecord"}, n.stream(wild(a.StreamName)))}
}

func (a *KinesisRoute) check(c *actionChecker) {
	c.target("stream_name", a.StreamName, "stream")
	c.template("partition_key", a.PartitionKey)
}
