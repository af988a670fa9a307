package awstest

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	timestreamtypes "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// retagging sets a tag of an object by hand, or removes it if there is no value.
type retagging func(t testing.TB, a Account, r assembly.Record, key string, value *string)

// retaggings are by kind of object: those whose tags AWS gives with a call of their own.
var retaggings = map[string]retagging{
	spec.KindParameter: retagParameter, spec.KindStream: retagStream, spec.KindDeliveryStream: retagDelivery,
	spec.KindTable: retagTable, spec.KindBucket: retagBucket, spec.KindTopic: retagTopic, spec.KindQueue: retagQueue,
	spec.KindLogGroup: retagLogGroup, spec.KindEventSource: retagEventSource, spec.KindGlueDatabase: retagGlue,
	spec.KindWorkgroup: retagWorkgroup, spec.KindMetricAlarm: retagCloudWatch, spec.KindDashboard: retagCloudWatch,
	spec.KindTimestreamDatabase: retagTimestream, spec.KindTimestreamTable: retagTimestream,
	spec.KindThingGroup: retagIoT, spec.KindThingType: retagIoT, spec.KindIoTPolicy: retagIoT,
	spec.KindTopicRule: retagIoT, spec.KindTemplate: retagIoT, spec.KindCACertificate: retagIoT, spec.KindRoleAlias: retagIoT,
}

// TaggedApart reports whether the tags of objects of a kind take a call of their own, so that SetTag and RemoveTag can
// change them.
func TaggedApart(kind string) bool { return retaggings[kind] != nil }

// SetTag sets a tag of an object by hand.
func (a Account) SetTag(t testing.TB, r assembly.Record, key, value string) {
	t.Helper()
	retaggings[r.Kind](t, a, r, key, &value)
}

// RemoveTag removes a tag of an object by hand.
func (a Account) RemoveTag(t testing.TB, r assembly.Record, key string) {
	t.Helper()
	retaggings[r.Kind](t, a, r, key, nil)
}

func retagParameter(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	kind := ssmtypes.ResourceTypeForTaggingParameter
	if value == nil {
		must[*ssm.RemoveTagsFromResourceOutput](t)(a.SSM().RemoveTagsFromResource(t.Context(),
			&ssm.RemoveTagsFromResourceInput{ResourceType: kind, ResourceId: &r.Name, TagKeys: []string{key}}))
		return
	}
	must[*ssm.AddTagsToResourceOutput](t)(a.SSM().AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
		ResourceType: kind, ResourceId: &r.Name, Tags: []ssmtypes.Tag{{Key: &key, Value: value}}}))
}

func retagStream(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*kinesis.RemoveTagsFromStreamOutput](t)(a.Kinesis().RemoveTagsFromStream(t.Context(),
			&kinesis.RemoveTagsFromStreamInput{StreamName: &r.Name, TagKeys: []string{key}}))
		return
	}
	must[*kinesis.AddTagsToStreamOutput](t)(a.Kinesis().AddTagsToStream(t.Context(),
		&kinesis.AddTagsToStreamInput{StreamName: &r.Name, Tags: map[string]string{key: *value}}))
}

func retagDelivery(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*firehose.UntagDeliveryStreamOutput](t)(a.Firehose().UntagDeliveryStream(t.Context(),
			&firehose.UntagDeliveryStreamInput{DeliveryStreamName: &r.Name, TagKeys: []string{key}}))
		return
	}
	must[*firehose.TagDeliveryStreamOutput](t)(a.Firehose().TagDeliveryStream(t.Context(),
		&firehose.TagDeliveryStreamInput{DeliveryStreamName: &r.Name,
			Tags: []firehosetypes.Tag{{Key: &key, Value: value}}}))
}

func retagTable(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*dynamodb.UntagResourceOutput](t)(a.DynamoDB().UntagResource(t.Context(),
			&dynamodb.UntagResourceInput{ResourceArn: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*dynamodb.TagResourceOutput](t)(a.DynamoDB().TagResource(t.Context(),
		&dynamodb.TagResourceInput{ResourceArn: &r.ARN, Tags: []dynamodbtypes.Tag{{Key: &key, Value: value}}}))
}

func retagBucket(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	out := must[*s3.GetBucketTaggingOutput](t)(a.S3().GetBucketTagging(t.Context(),
		&s3.GetBucketTaggingInput{Bucket: &r.Name}))
	tags := map[string]string{}
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	delete(tags, key)
	if value != nil {
		tags[key] = *value
	}
	var set []s3types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v := tags[k]
		set = append(set, s3types.Tag{Key: &k, Value: &v})
	}
	must[*s3.PutBucketTaggingOutput](t)(a.S3().PutBucketTagging(t.Context(),
		&s3.PutBucketTaggingInput{Bucket: &r.Name, Tagging: &s3types.Tagging{TagSet: set}}))
}

func retagTopic(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*sns.UntagResourceOutput](t)(a.SNS().UntagResource(t.Context(),
			&sns.UntagResourceInput{ResourceArn: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*sns.TagResourceOutput](t)(a.SNS().TagResource(t.Context(),
		&sns.TagResourceInput{ResourceArn: &r.ARN, Tags: []snstypes.Tag{{Key: &key, Value: value}}}))
}

func retagQueue(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*sqs.UntagQueueOutput](t)(a.SQS().UntagQueue(t.Context(),
			&sqs.UntagQueueInput{QueueUrl: &r.ID, TagKeys: []string{key}}))
		return
	}
	must[*sqs.TagQueueOutput](t)(a.SQS().TagQueue(t.Context(),
		&sqs.TagQueueInput{QueueUrl: &r.ID, Tags: map[string]string{key: *value}}))
}

func retagLogGroup(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*cloudwatchlogs.UntagResourceOutput](t)(a.Logs().UntagResource(t.Context(),
			&cloudwatchlogs.UntagResourceInput{ResourceArn: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*cloudwatchlogs.TagResourceOutput](t)(a.Logs().TagResource(t.Context(),
		&cloudwatchlogs.TagResourceInput{ResourceArn: &r.ARN, Tags: map[string]string{key: *value}}))
}

func retagEventSource(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*lambda.UntagResourceOutput](t)(a.Lambda().UntagResource(t.Context(),
			&lambda.UntagResourceInput{Resource: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*lambda.TagResourceOutput](t)(a.Lambda().TagResource(t.Context(),
		&lambda.TagResourceInput{Resource: &r.ARN, Tags: map[string]string{key: *value}}))
}

func retagGlue(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*glue.UntagResourceOutput](t)(a.Glue().UntagResource(t.Context(),
			&glue.UntagResourceInput{ResourceArn: &r.ARN, TagsToRemove: []string{key}}))
		return
	}
	must[*glue.TagResourceOutput](t)(a.Glue().TagResource(t.Context(),
		&glue.TagResourceInput{ResourceArn: &r.ARN, TagsToAdd: map[string]string{key: *value}}))
}

func retagWorkgroup(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*athena.UntagResourceOutput](t)(a.Athena().UntagResource(t.Context(),
			&athena.UntagResourceInput{ResourceARN: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*athena.TagResourceOutput](t)(a.Athena().TagResource(t.Context(),
		&athena.TagResourceInput{ResourceARN: &r.ARN, Tags: []athenatypes.Tag{{Key: &key, Value: value}}}))
}

func retagCloudWatch(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*cloudwatch.UntagResourceOutput](t)(a.CloudWatch().UntagResource(t.Context(),
			&cloudwatch.UntagResourceInput{ResourceARN: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*cloudwatch.TagResourceOutput](t)(a.CloudWatch().TagResource(t.Context(),
		&cloudwatch.TagResourceInput{ResourceARN: &r.ARN, Tags: []cloudwatchtypes.Tag{{Key: &key, Value: value}}}))
}

func retagTimestream(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*timestreamwrite.UntagResourceOutput](t)(a.TimestreamWrite().UntagResource(t.Context(),
			&timestreamwrite.UntagResourceInput{ResourceARN: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*timestreamwrite.TagResourceOutput](t)(a.TimestreamWrite().TagResource(t.Context(),
		&timestreamwrite.TagResourceInput{ResourceARN: &r.ARN, Tags: []timestreamtypes.Tag{{Key: &key, Value: value}}}))
}

func retagIoT(t testing.TB, a Account, r assembly.Record, key string, value *string) {
	t.Helper()
	if value == nil {
		must[*iot.UntagResourceOutput](t)(a.IoT().UntagResource(t.Context(),
			&iot.UntagResourceInput{ResourceArn: &r.ARN, TagKeys: []string{key}}))
		return
	}
	must[*iot.TagResourceOutput](t)(a.IoT().TagResource(t.Context(),
		&iot.TagResourceInput{ResourceArn: &r.ARN, Tags: []iottypes.Tag{{Key: &key, Value: value}}}))
}
