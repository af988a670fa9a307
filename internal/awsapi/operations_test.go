package awsapi

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestEveryOperationIsThere finds an operation that its service's struct has and its constructor forgets.
func TestEveryOperationIsThere(t *testing.T) {
	c := New(aws.Config{Region: "eu-west-1"}, Options{})
	for _, service := range []any{c.APIGateway(), c.Athena(), c.CloudWatch(), c.DynamoDB(), c.Firehose(), c.Glue(), c.Greengrass(), c.IAM(), c.IoT(), c.Kinesis(),
		c.Lambda(), c.Logs(), c.ResourceGroupsTagging(), c.SNS(), c.SQS(), c.SSM(), c.Scheduler(), c.SecretsManager(), c.TimestreamInfluxDB(),
		c.TimestreamWrite()} {
		v := reflect.ValueOf(service).Elem()
		if v.NumField() < 2 {
			t.Errorf("%s has no operations", v.Type())
		}
		for i := range v.NumField() {
			if v.Field(i).IsNil() {
				t.Errorf("%s.%s is nil", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}
