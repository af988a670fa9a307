package mototest

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/google/go-cmp/cmp"
)

// holding is a service of a server with something in it: how to make that, how it reads, how to change or remove it,
// and what AWS refuses while it is there.
type holding struct {
	service     string
	make, spoil func()
	read        func() []any
	refused     func() error
}

func holdings(t *testing.T, s *Server) []holding {
	return []holding{things(t, s), registration(t, s), function(t, s), stores(t, s), queues(t, s)}
}

func things(t *testing.T, s *Server) holding {
	c, name := iot.NewFromConfig(s.Config(t)), aws.String("x")
	var certificate *iot.CreateKeysAndCertificateOutput
	tag := []iottypes.Tag{{Key: aws.String("owner"), Value: aws.String("me")}}
	return holding{
		service: "iot",
		make: func() {
			must(
				c.CreateThing(t.Context(), &iot.CreateThingInput{
					ThingName:        name,
					AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{"bay": "1"}},
				}),
			)(t)
			must(c.CreateThingGroup(t.Context(), &iot.CreateThingGroupInput{ThingGroupName: name, Tags: tag}))(t)
			must(c.AddThingToThingGroup(t.Context(),
				&iot.AddThingToThingGroupInput{ThingName: name, ThingGroupName: name}))(t)
			must(
				c.CreatePolicy(
					t.Context(),
					&iot.CreatePolicyInput{
						PolicyName:     name,
						PolicyDocument: aws.String(`{"Version":"2012-10-17"}`),
						Tags:           tag,
					},
				),
			)(t)
			certificate = must(
				c.CreateKeysAndCertificate(t.Context(), &iot.CreateKeysAndCertificateInput{SetAsActive: true}),
			)(t)
			must(c.AttachThingPrincipal(t.Context(),
				&iot.AttachThingPrincipalInput{ThingName: name, Principal: certificate.CertificateArn}))(t)
			must(c.CreateTopicRule(t.Context(), &iot.CreateTopicRuleInput{RuleName: name, Tags: aws.String("owner=me"),
				TopicRulePayload: &iottypes.TopicRulePayload{
					Sql:     aws.String("SELECT 1"),
					Actions: []iottypes.Action{},
				}}))(t)
		},
		read: func() []any {
			rule := must(c.GetTopicRule(t.Context(), &iot.GetTopicRuleInput{RuleName: name}))(t)
			return []any{rule,
				must(c.ListTagsForResource(t.Context(), &iot.ListTagsForResourceInput{ResourceArn: rule.RuleArn}))(
					t,
				).Tags,
				must(c.ListThings(t.Context(), &iot.ListThingsInput{}))(t).Things,
				must(c.ListThingsInThingGroup(t.Context(), &iot.ListThingsInThingGroupInput{ThingGroupName: name}))(
					t,
				).Things,
				must(c.ListThingPrincipals(t.Context(), &iot.ListThingPrincipalsInput{ThingName: name}))(t).Principals,
				must(c.GetPolicy(t.Context(), &iot.GetPolicyInput{PolicyName: name}))(t).DefaultVersionId,
			}
		},
		spoil: func() {
			must(
				c.UpdateThing(t.Context(), &iot.UpdateThingInput{
					ThingName:        name,
					AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{"bay": "2"}},
				}),
			)(t)
			must(
				c.CreatePolicyVersion(
					t.Context(),
					&iot.CreatePolicyVersionInput{
						PolicyName:     name,
						PolicyDocument: aws.String(`{}`),
						SetAsDefault:   true,
					},
				),
			)(t)
			must(c.DetachThingPrincipal(t.Context(),
				&iot.DetachThingPrincipalInput{ThingName: name, Principal: certificate.CertificateArn}))(t)
			must(c.DeleteTopicRule(t.Context(), &iot.DeleteTopicRuleInput{RuleName: name}))(t)
			must(c.RemoveThingFromThingGroup(t.Context(),
				&iot.RemoveThingFromThingGroupInput{ThingName: name, ThingGroupName: name}))(t)
		},
		refused: func() error {
			_, err := c.DeleteCertificate(t.Context(),
				&iot.DeleteCertificateInput{CertificateId: certificate.CertificateId})
			return err // it is active and attached
		},
	}
}

func function(t *testing.T, s *Server) holding {
	functions, roles, name := lambda.NewFromConfig(s.Config(t)), iam.NewFromConfig(s.Config(t)), aws.String("f")
	basic := aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	permit := &lambda.AddPermissionInput{
		FunctionName: name,
		StatementId:  aws.String("iot"),
		Action:       aws.String("lambda:InvokeFunction"),
		Principal:    aws.String("iot.amazonaws.com"),
	}
	return holding{
		service: "lambda and iam",
		make:    func() { newFunction(t, s); must(functions.AddPermission(t.Context(), permit))(t) },
		read: func() []any {
			return []any{
				must(functions.GetFunctionConfiguration(t.Context(),
					&lambda.GetFunctionConfigurationInput{FunctionName: name}))(t),
				must(functions.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: name}))(t).Policy,
				must(roles.ListRoles(t.Context(), &iam.ListRolesInput{}))(t).Roles,
				must(roles.ListAttachedRolePolicies(t.Context(),
					&iam.ListAttachedRolePoliciesInput{RoleName: aws.String("r")}))(t).AttachedPolicies,
				must(roles.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: basic}))(
					t,
				).Policy, // counts its attachments
			}
		},
		spoil: func() {
			must(functions.UpdateFunctionConfiguration(t.Context(),
				&lambda.UpdateFunctionConfigurationInput{FunctionName: name,
					Environment: &lambdatypes.Environment{Variables: map[string]string{"BAY": "2"}}}))(t)
			must(functions.RemovePermission(t.Context(),
				&lambda.RemovePermissionInput{FunctionName: name, StatementId: aws.String("iot")}))(t)
			must(roles.DetachRolePolicy(t.Context(),
				&iam.DetachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: basic}))(t)
			must(roles.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("r")}))(t)
		},
		refused: func() error {
			_, err := functions.AddPermission(t.Context(), permit)
			return err
		},
	}
}

func stores(t *testing.T, s *Server) holding {
	buckets := s3.NewFromConfig(s.Config(t), func(o *s3.Options) { o.UsePathStyle = true })
	tables, parameters, series, name := dynamodb.NewFromConfig(s.Config(t)), ssm.NewFromConfig(
		s.Config(t),
	), timestreamwrite.NewFromConfig(s.Config(t)), aws.String("held")
	item := func(value string) map[string]dynamodbtypes.AttributeValue {
		return map[string]dynamodbtypes.AttributeValue{
			"id": &dynamodbtypes.AttributeValueMemberS{Value: "k"},
			"v":  &dynamodbtypes.AttributeValueMemberS{Value: value},
		}
	}
	put := func(value string) {
		must(
			buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: name, Key: name, Body: strings.NewReader(value)}),
		)(t)
		must(tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name, Item: item(value)}))(t)
		must(
			parameters.PutParameter(t.Context(), &ssm.PutParameterInput{
				Name:      name,
				Value:     &value,
				Type:      ssmtypes.ParameterTypeSecureString,
				Overwrite: aws.Bool(true),
			}),
		)(t)
	}
	return holding{
		service: "s3, dynamodb, ssm and timestream",
		make: func() {
			must(buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: name}))(t)
			must(
				tables.CreateTable(
					t.Context(),
					&dynamodb.CreateTableInput{TableName: name, BillingMode: dynamodbtypes.BillingModePayPerRequest,
						KeySchema: []dynamodbtypes.KeySchemaElement{
							{AttributeName: aws.String("id"), KeyType: dynamodbtypes.KeyTypeHash},
						},
						AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
							{AttributeName: aws.String("id"), AttributeType: dynamodbtypes.ScalarAttributeTypeS},
						}},
				),
			)(t)
			must(series.CreateDatabase(t.Context(), &timestreamwrite.CreateDatabaseInput{DatabaseName: name}))(t)
			must(
				series.CreateTable(t.Context(), &timestreamwrite.CreateTableInput{DatabaseName: name, TableName: name}),
			)(t)
			put("1")
		},
		read: func() []any {
			object := must(buckets.GetObject(t.Context(), &s3.GetObjectInput{Bucket: name, Key: name}))(t)
			text := must(io.ReadAll(object.Body))(t)
			return []any{string(text), object.ETag,
				must(
					tables.GetItem(t.Context(), &dynamodb.GetItemInput{
						TableName: name,
						Key:       map[string]dynamodbtypes.AttributeValue{"id": item("")["id"]},
					}),
				)(t).Item,
				must(parameters.GetParameter(t.Context(),
					&ssm.GetParameterInput{Name: name, WithDecryption: aws.Bool(true)}))(t).Parameter,
				must(series.DescribeTable(t.Context(),
					&timestreamwrite.DescribeTableInput{DatabaseName: name, TableName: name}))(t).Table,
			}
		},
		spoil: func() {
			put("2")
			must(
				series.DeleteTable(t.Context(), &timestreamwrite.DeleteTableInput{DatabaseName: name, TableName: name}),
			)(t)
		},
		refused: func() error {
			_, err := buckets.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: name})
			return err // it is not empty
		},
	}
}

func queues(t *testing.T, s *Server) holding {
	queues, topics, streams, logs, name := sqs.NewFromConfig(s.Config(t)), sns.NewFromConfig(
		s.Config(t),
	), kinesis.NewFromConfig(s.Config(t)),
		cloudwatchlogs.NewFromConfig(s.Config(t)), aws.String("held")
	var url *string
	send := func() {
		must(queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: name}))(t)
	}
	put := func() {
		must(streams.PutRecord(t.Context(),
			&kinesis.PutRecordInput{StreamName: name, PartitionKey: name, Data: []byte("1")}))(t)
	}
	return holding{
		service: "sqs, sns, kinesis and logs",
		make: func() {
			url = must(queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: name}))(t).QueueUrl
			topic := must(topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: name}))(t).TopicArn
			must(
				topics.Subscribe(t.Context(), &sns.SubscribeInput{
					TopicArn: topic,
					Protocol: aws.String("email"),
					Endpoint: aws.String("a@example.com"),
				}),
			)(t)
			must(
				streams.CreateStream(t.Context(), &kinesis.CreateStreamInput{
					StreamName: name,
					ShardCount: aws.Int32(1),
					Tags:       map[string]string{"owner": "me"},
				}),
			)(t)
			must(logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name}))(t)
			send()
			put()
		},
		read: func() []any {
			at := must(
				streams.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
					StreamName:        name,
					ShardId:           aws.String("shardId-000000000000"),
					ShardIteratorType: "TRIM_HORIZON",
				}),
			)(t)
			return []any{
				must(
					queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
						QueueUrl:       url,
						AttributeNames: []sqstypes.QueueAttributeName{"All"},
					}),
				)(t).Attributes,
				must(topics.ListSubscriptions(t.Context(), &sns.ListSubscriptionsInput{}))(t).Subscriptions,
				must(streams.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator}))(
					t,
				).Records,
				must(streams.ListTagsForStream(t.Context(), &kinesis.ListTagsForStreamInput{StreamName: name}))(t).Tags,
				must(logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}))(t).LogGroups,
			}
		},
		spoil: func() {
			send()
			put()
			must(logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name}))(t)
			must(topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("another")}))(t)
		},
		refused: func() error {
			_, err := streams.CreateStream(t.Context(),
				&kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
			return err
		},
	}
}

// A restored server reads as it did, refuses what it refused, can be changed, and is not touched by what was done
// since; as often as wanted.
func TestRestore(t *testing.T) {
	s := Start(t)
	all := holdings(t, s)
	picture := func() map[string]string {
		texts := map[string]string{}
		for _, h := range all {
			texts[h.service] = string(must(json.MarshalIndent(h.read(), "", " "))(t))
			if h.refused() == nil {
				t.Errorf("%s: it was not refused", h.service)
			}
		}
		return texts
	}
	for _, h := range all {
		h.make()
	}
	before, requests := picture(), len(s.Requests(t))
	s.Save(t, "full")
	for range 2 {
		for _, h := range all {
			h.spoil()
		}
		s.Restore(t, "full")
		if now := len(s.Requests(t)); now != requests {
			t.Errorf("the request log has %d entries, want %d", now, requests)
		}
		if diff := cmp.Diff(before, picture()); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	}
	s.Reset(t)
	if err := s.control(t.Context(), "POST", "/mototest/restore", map[string][]string{"name": {"full"}}, nil,
		nil); err == nil {
		t.Error("a reset left the copy")
	}
	for _, h := range all {
		h.make()
	}
}
