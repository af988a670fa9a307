package mototest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// wantCode fails the test unless err is an API error with the code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Fatalf("got error %v, want code %s", err, code)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestServerIsEmptyAgainForTheNextTest(t *testing.T) {
	var first string
	t.Run("first", func(t *testing.T) {
		s := Start(t)
		first = s.URL
		c := iot.NewFromConfig(s.Config(t))
		must(c.CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String("left-over")}))(t)
	})
	s := Start(t)
	if s.URL != first {
		t.Errorf("got a new server at %s, want the idle one at %s", s.URL, first)
	}
	things := must(iot.NewFromConfig(s.Config(t)).ListThings(t.Context(), &iot.ListThingsInput{}))(t)
	if len(things.Things) != 0 {
		t.Errorf("got %d things, want none", len(things.Things))
	}
	if diff := cmp.Diff([]Request{{"iot", "ListThings"}}, s.Requests(t)); diff != "" {
		t.Errorf("request log (-want +got):\n%s", diff)
	}
}

func TestParallelServersDoNotShareState(t *testing.T) {
	a, b := Start(t), Start(t)
	must(iot.NewFromConfig(a.Config(t)).
		CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String("only-in-a")}))(
		t,
	)
	if got := must(iot.NewFromConfig(b.Config(t)).ListThings(t.Context(), &iot.ListThingsInput{}))(t).Things; len(
		got,
	) != 0 {
		t.Errorf("got %d things on the other server, want none", len(got))
	}
}

func TestPlannedFailures(t *testing.T) {
	s := Start(t)
	c := iot.NewFromConfig(s.Config(t), func(o *iot.Options) { o.RetryMaxAttempts = 1; o.Retryer = aws.NopRetryer{} })
	create := func(name string) error {
		_, err := c.CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String(name)})
		return err
	}
	exists := func(name string) bool {
		_, err := c.DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: aws.String(name)})
		return err == nil
	}

	s.Fail(t, Fault{
		Service:   "iot",
		Operation: "CreateThing",
		Code:      "ThrottlingException",
		Message:   "Rate exceeded",
		Times:     1,
	})
	wantCode(t, create("a"), "ThrottlingException")
	if exists("a") {
		t.Error("the failed call took effect")
	}
	if err := create("a"); err != nil {
		t.Errorf("the failure was planned once, but: %v", err)
	}

	s.Fail(t, Fault{Service: "iot", Operation: "CreateThing", Code: "InternalFailureException", Times: 1, After: true})
	wantCode(t, create("b"), "InternalFailureException")
	if !exists("b") {
		t.Error("the call whose answer was lost took no effect")
	}
}

func TestFailingS3(t *testing.T) {
	s := Start(t)
	c := s3.NewFromConfig(s.Config(t), func(o *s3.Options) { o.UsePathStyle = true; o.Retryer = aws.NopRetryer{} })
	must(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("archive")}))(t)
	s.Fail(t, Fault{
		Service:   "s3",
		Operation: "PutObject",
		Code:      "SlowDown",
		Message:   "Please reduce your request rate.",
		Times:     1,
	})
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String("k")})
	wantCode(t, err, "SlowDown")
	must(c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String("k")}))(t)
}

func TestBucketsAreEncryptedAndMayAskForTLS(t *testing.T) {
	s := Start(t)
	c := s3.NewFromConfig(s.Config(t), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("archive")
	must(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}))(t)
	encryption := must(c.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: bucket}))(t)
	if got := encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm; got != "AES256" {
		t.Errorf("default encryption: got %q, want AES256", got)
	}

	const tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"tls","Effect":"Deny","Principal":"*","Action":"s3:*",
		"Resource":["arn:aws:s3:::archive","arn:aws:s3:::archive/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}%s]}`
	put := func(policy string) error {
		must(c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(policy)}))(t)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k")})
		return err
	}
	if err := put(format(tlsOnly, "")); err != nil {
		t.Errorf("a policy that asks for TLS refused a write: %v", err)
	}
	const refuse = `,{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::archive/*"}`
	if err := put(format(tlsOnly, refuse)); err == nil {
		t.Error("a plain Deny beside the TLS statement was ignored")
	}
}

func TestCertificateFromCSRHoldsItsKey(t *testing.T) {
	c := iot.NewFromConfig(Start(t).Config(t))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "soil-002"}}
	der := must(x509.CreateCertificateRequest(rand.Reader, template, key))(t)
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})

	out := must(c.CreateCertificateFromCsr(t.Context(),
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: aws.String(string(csr))}))(t)
	block, _ := pem.Decode([]byte(*out.CertificatePem))
	cert := must(x509.ParseCertificate(block.Bytes))(t)
	if !key.PublicKey.Equal(cert.PublicKey) {
		t.Error("the certificate holds another key than the CSR")
	}
	if sum := sha256.Sum256(cert.Raw); *out.CertificateId != hex.EncodeToString(sum[:]) {
		t.Error("the certificate ID is not the SHA-256 of the DER")
	}

	_, err := c.CreateCertificateFromCsr(t.Context(),
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: aws.String("no CSR")})
	wantCode(t, err, "InvalidRequestException")
}

func TestIoTTags(t *testing.T) {
	c := iot.NewFromConfig(Start(t).Config(t))
	tag := func(k, v string) iottypes.Tag { return iottypes.Tag{Key: aws.String(k), Value: aws.String(v)} }
	payload := &iottypes.TopicRulePayload{Sql: aws.String("SELECT * FROM 'a'"), Actions: []iottypes.Action{}}

	arns := map[string]string{}
	arns["group"] = *must(c.CreateThingGroup(t.Context(), &iot.CreateThingGroupInput{
		ThingGroupName: aws.String("g"), Tags: []iottypes.Tag{tag("owner", "x y")}}))(t).ThingGroupArn
	arns["policy"] = *must(c.CreatePolicy(t.Context(), &iot.CreatePolicyInput{
		PolicyName: aws.String("p"), PolicyDocument: aws.String("{}"),
		Tags: []iottypes.Tag{tag("owner", "x y")}}))(t).PolicyArn
	arns["type"] = *must(c.CreateThingType(t.Context(), &iot.CreateThingTypeInput{
		ThingTypeName: aws.String("t"), Tags: []iottypes.Tag{tag("owner", "x y")}}))(t).ThingTypeArn
	must(c.CreateTopicRule(t.Context(), &iot.CreateTopicRuleInput{
		RuleName: aws.String("r"), TopicRulePayload: payload, Tags: aws.String("owner=x%20y")}))(t)
	arns["rule"] = *must(c.GetTopicRule(t.Context(), &iot.GetTopicRuleInput{RuleName: aws.String("r")}))(t).RuleArn

	tags := func(arn string) map[string]string {
		out := must(c.ListTagsForResource(t.Context(), &iot.ListTagsForResourceInput{ResourceArn: &arn}))(t)
		all := map[string]string{}
		for _, tag := range out.Tags {
			all[*tag.Key] = *tag.Value
		}
		return all
	}
	for kind, arn := range arns {
		if diff := cmp.Diff(map[string]string{"owner": "x y"}, tags(arn)); diff != "" {
			t.Errorf("%s: tags at creation (-want +got):\n%s", kind, diff)
		}
	}
	rule := arns["rule"]
	must(c.TagResource(t.Context(), &iot.TagResourceInput{ResourceArn: &rule, Tags: []iottypes.Tag{tag("b", "2")}}))(t)
	must(c.UntagResource(t.Context(), &iot.UntagResourceInput{ResourceArn: &rule, TagKeys: []string{"owner"}}))(t)
	must(c.ReplaceTopicRule(t.Context(),
		&iot.ReplaceTopicRuleInput{RuleName: aws.String("r"), TopicRulePayload: payload}))(t)
	if diff := cmp.Diff(map[string]string{"b": "2"}, tags(rule)); diff != "" {
		t.Errorf("tags after change and replacement (-want +got):\n%s", diff)
	}
	must(c.DeleteTopicRule(t.Context(), &iot.DeleteTopicRuleInput{RuleName: aws.String("r")}))(t)
	_, err := c.ListTagsForResource(t.Context(), &iot.ListTagsForResourceInput{ResourceArn: &rule})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestRegistryRefusesAndAcceptsAsAWS(t *testing.T) {
	c := iot.NewFromConfig(Start(t).Config(t))
	thing := func(bay string) (*iot.CreateThingOutput, error) {
		return c.CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String("soil-001"),
			AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{"bay": bay}}})
	}
	first := must(thing("1"))(t)
	if again := must(thing("1"))(t); *again.ThingId != *first.ThingId {
		t.Error("creating the same thing again made another one")
	}
	_, err := thing("2")
	wantCode(t, err, "ResourceAlreadyExistsException")

	for range 2 {
		must(c.DeleteThing(t.Context(), &iot.DeleteThingInput{ThingName: aws.String("soil-001")}))(t)
	}
	_, err = c.GetTopicRule(t.Context(), &iot.GetTopicRuleInput{RuleName: aws.String("none")})
	wantCode(t, err, "UnauthorizedException")
	_, err = c.DeleteTopicRule(t.Context(), &iot.DeleteTopicRuleInput{RuleName: aws.String("none")})
	wantCode(t, err, "UnauthorizedException")

	must(c.CreateThingType(t.Context(), &iot.CreateThingTypeInput{ThingTypeName: aws.String("sensor")}))(t)
	_, err = c.DeleteThingType(t.Context(), &iot.DeleteThingTypeInput{ThingTypeName: aws.String("sensor")})
	wantCode(t, err, "InvalidRequestException")
	must(c.DeprecateThingType(t.Context(), &iot.DeprecateThingTypeInput{ThingTypeName: aws.String("sensor")}))(t)
	must(c.DeleteThingType(t.Context(), &iot.DeleteThingTypeInput{ThingTypeName: aws.String("sensor")}))(t)

	endpoint := func() string {
		return *must(c.DescribeEndpoint(t.Context(),
			&iot.DescribeEndpointInput{EndpointType: aws.String("iot:Data-ATS")}))(t).EndpointAddress
	}
	if a, b := endpoint(), endpoint(); a != b {
		t.Errorf("the endpoint moved from %s to %s", a, b)
	}
}

func TestKinesisTags(t *testing.T) {
	c := kinesis.NewFromConfig(Start(t).Config(t))
	must(
		c.CreateStream(t.Context(), &kinesis.CreateStreamInput{
			StreamName: aws.String("s"),
			ShardCount: aws.Int32(1),
			Tags:       map[string]string{"a": "1"},
		}),
	)(t)
	arn := must(c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")}))(
		t,
	).StreamDescriptionSummary.StreamARN
	must(c.TagResource(t.Context(), &kinesis.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"b": "2"}}))(t)
	must(c.UntagResource(t.Context(), &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"a"}}))(t)
	tags := must(c.ListTagsForResource(t.Context(), &kinesis.ListTagsForResourceInput{ResourceARN: arn}))(t).Tags
	if len(tags) != 1 || *tags[0].Key != "b" || *tags[0].Value != "2" {
		t.Errorf("got tags %v, want b=2", tags)
	}
}

func TestConcurrentPutsLoseNothing(t *testing.T) {
	c := kinesis.NewFromConfig(Start(t).Config(t))
	must(
		c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}),
	)(t)
	const writers, calls, each = 4, 5, 50
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range calls {
				records := make([]kinesistypes.PutRecordsRequestEntry, each)
				for i := range records {
					records[i] = kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte("x")}
				}
				if _, err := c.PutRecords(t.Context(),
					&kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	iterator := must(
		c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName:        aws.String("s"),
			ShardId:           aws.String("shardId-000000000000"),
			ShardIteratorType: "TRIM_HORIZON",
		}),
	)(t).ShardIterator
	numbers := map[string]bool{}
	for range writers*calls*each/100 + 1 {
		page := must(
			c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(100)}),
		)(t)
		for _, r := range page.Records {
			numbers[*r.SequenceNumber] = true
		}
		iterator = page.NextShardIterator
	}
	if len(numbers) != writers*calls*each {
		t.Errorf("read %d records, want %d", len(numbers), writers*calls*each)
	}
}
