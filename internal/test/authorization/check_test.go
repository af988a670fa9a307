package authorization

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	stream   = `"arn:aws:kinesis:eu-west-1:123456789012:stream/g"`
	key      = `"arn:aws:kms:eu-west-1:123456789012:key/*"`
	bucket   = `"arn:aws:s3:::greenhouse"`
	database = `"arn:aws:timestream:eu-west-1:123456789012:database/g"`
)

func TestCheck(t *testing.T) {
	reference, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		statement string
		want      []string
	}{
		"right": {`"Action": ["kinesis:PutRecord"], "Resource": ` + stream, nil},
		"right, with a key of its own": {`"Action": "iam:PassRole", "Resource": "*",
			"Condition": {"StringEquals": {"iam:PassedToService": "iot.amazonaws.com", "AWS:RequestedRegion": "r"}}`, nil},
		"right, a trust": {`"Action": "sts:AssumeRole", "Principal": {"Service": "iot.amazonaws.com"},
			"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:iot:*"}}`, nil},
		"right, a pattern": {`"Action": "s3:*", "Resource": [` + bucket + `, "arn:aws:s3:::greenhouse/*"]`, nil},
		"no such action": {`"Action": "kinesis:WriteRecord", "Resource": "*"`,
			[]string{"kinesis:WriteRecord: there is no such action"}},
		"no such service": {`"Action": "kenesis:*", "Resource": "*"`, []string{"kenesis:*: there is no such action"}},
		"an action without resources": {
			`"Action": ["kinesis:UpdateShardCount", "kinesis:PutRecord"], "Resource": ` + stream,
			[]string{"kinesis:UpdateShardCount: it takes no resource but *"}},
		"a resource of another type": {
			`"Action": ["kinesis:SubscribeToShard", "kinesis:GetRecords"], "Resource": [` + stream + `]`,
			[]string{"kinesis:SubscribeToShard: it takes none of arn:aws:kinesis:eu-west-1:123456789012:stream/g"}},
		"a resource that no action takes": {
			`"Action": "s3:PutObject", "Resource": [` + bucket + `, "arn:aws:s3:::greenhouse/*"]`,
			[]string{"arn:aws:s3:::greenhouse: no action of s3:PutObject takes it"}},
		"a table is no database": {
			`"Action": "timestream:CreateTable", "Resource": ` + database,
			[]string{"timestream:CreateTable: it takes none of arn:aws:timestream:eu-west-1:123456789012:database/g",
				"arn:aws:timestream:eu-west-1:123456789012:database/g: no action of timestream:CreateTable takes it"}},
		"a key is missing": {`"Action": "kinesis:StartStreamEncryption", "Resource": ` + stream,
			[]string{"kinesis:StartStreamEncryption: it needs a resource of type kmsKey as well"}},
		"a key is there": {`"Action": "kinesis:StartStreamEncryption", "Resource": [` + stream + `, ` + key + `]`, nil},
		"no such condition key": {
			`"Action": "sns:Publish", "Resource": "*", "Condition": {"StringEquals": {"sns:Protocol": "sms"}}`,
			[]string{"sns:Publish: there is no condition key sns:Protocol"}},
		"no resource": {`"Action": "sns:Publish"`, []string{"sns:Publish: there is no resource"}},
		"not supported": {`"NotAction": "sns:Publish", "Resource": "*"`,
			[]string{"a statement with NotAction, NotResource or NotPrincipal is not understood"}},
		"no JSON document": {`"Action"`,
			[]string{"the document cannot be read: invalid character '}' after object key"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := reference.Check(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", ` + c.statement + `}]}`)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFits(t *testing.T) {
	const group = "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}"
	for _, c := range []struct {
		arn, form string
		want      bool
	}{
		{"arn:aws:s3:::a", "arn:${Partition}:s3:::${BucketName}", true},
		{"arn:aws:s3:::a/*", "arn:${Partition}:s3:::${BucketName}", false},
		{"arn:aws:s3:::a/*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", true},
		{"arn:aws:s3:::a", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", false},
		{"arn:aws:s3:::*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", true},
		{"arn:aws:logs:r:1:log-group:/aws/lambda/f:*", group, true},
		{"arn:aws:logs:r:1:log-group:", group, false},
		{"arn:aws:iot:r:1:topic/a/${iot:X}/b", "arn:${Partition}:iot:${Region}:${Account}:topic/${TopicName}", true},
		{"arn:aws:iot:r:1:topicfilter/a/b", "arn:${Partition}:iot:${Region}:${Account}:topic/${TopicName}", false},
		{"arn:aws:iot:r:1:*", "arn:${Partition}:iot:${Region}:${Account}:thing/${ThingName}", true},
		{"arn:aws:sns:r:1:a:b", "arn:${Partition}:sns:${Region}:${Account}:${TopicName}", false},
		{"arn:aws:sns:r:1:a-?", "arn:${Partition}:sns:${Region}:${Account}:${TopicName}", true},
		{"arn:aws:sqs:r:1:a", "arn:${Partition}:sns:${Region}:${Account}:${TopicName}", false},
	} {
		if got := fits(c.arn, c.form); got != c.want {
			t.Errorf("%s as %s: %v, want %v", c.arn, c.form, got, c.want)
		}
	}
}
