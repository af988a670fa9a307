package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// FirehoseSeparators are the values of separator [AWS 2.1 Firehose].
var FirehoseSeparators = Choice{Values: []string{"\n", "\t", "\r\n", ","}}

// FirehoseRoute puts one record per message to a delivery stream.
type FirehoseRoute struct {
	DeliveryStreamName string  `json:"delivery_stream_name"`
	Separator          *string `json:"separator,omitzero"` // "\n", "\t", "\r\n" or ","
	BatchMode          *bool   `json:"batch_mode,omitzero"`
}

func (a *FirehoseRoute) desired(role string) spec.Action {
	return spec.Action{Firehose: &spec.FirehoseAction{RoleARN: role, DeliveryStreamName: a.DeliveryStreamName,
		Separator: deref(a.Separator), BatchMode: deref(a.BatchMode)}}
}

func (a *FirehoseRoute) grants(n arns) []statement {
	return []statement{allow([]string{"firehose:PutRecord", "firehose:PutRecordBatch"},
		n.firehose(wild(a.DeliveryStreamName)))}
}

func (a *FirehoseRoute) check(c *actionChecker) {
	c.target("delivery_stream_name", a.DeliveryStreamName, "delivery stream")
	c.choice(c.arg("separator"), a.Separator, FirehoseSeparators)
}
