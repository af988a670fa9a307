package mototest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
)

// A wireRequest is a request as it is on the wire, since the SDK does not send everything that is wrong.
type wireRequest struct {
	signedFor    string
	method, path string
	header, body string // header is "Name: value", or empty
}

func (r wireRequest) send(t *testing.T, base string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.signedFor != "" {
		scope := "/20260102/us-east-1/" + r.signedFor + "/aws4_request"
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+localaws.AccessKey+scope+", Signature=0")
	}
	if name, value, ok := strings.Cut(r.header, ": "); ok {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}

func target(service, operation, body string) wireRequest {
	prefix := map[string]string{"dynamodb": "DynamoDB_20120810", "kinesis": "Kinesis_20131202", "ssm": "AmazonSSM",
		"timestream": "Timestream_20181101", "secretsmanager": "secretsmanager"}[service]
	return wireRequest{service, "POST", "/", "X-Amz-Target: " + prefix + "." + operation, body}
}

func form(service, body string) wireRequest {
	return wireRequest{service, "POST", "/", "Content-Type: application/x-www-form-urlencoded", body}
}

func versioning(body string) wireRequest {
	const begin, end = `<VersioningConfiguration xmlns="` + s3Namespace + `">`, `</VersioningConfiguration>`
	return wireRequest{"s3", "PUT", "/archive?versioning", "", begin + body + end}
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

const iamVersion = "&Version=2010-05-08"

func putObject(query, header string) wireRequest {
	return wireRequest{"s3", "PUT", "/archive/key" + query, header, ""}
}

// violations have a bad request for every rule of the models, in every protocol that AWS speaks.
var violations = map[string]struct {
	request wireRequest
	want    Violation
}{
	"no such operation": {target("dynamodb", "DropTable", `{}`),
		Violation{"dynamodb", "DropTable", "", "DynamoDB_20120810.DropTable", "there is no such operation"}},
	"no such path": {wireRequest{"iot", "PUT", "/things", "", ""},
		Violation{"iot", "", "", "PUT /things", "there is no such operation"}},
	"not signed": {wireRequest{"", "GET", "/things", "", ""},
		Violation{"", "", "", "GET /things", "the request is not signed"}},
	"no such member": {target("dynamodb", "DescribeTable", `{"TableName":"greenhouse","Colour":"red"}`),
		Violation{"dynamodb", "DescribeTable", "Colour", "red", "there is no such member"}},
	"no such member, deep": {
		target("dynamodb", "GetItem", `{"TableName":"greenhouse","Key":{"id":{"T":"x"}}}`),
		Violation{"dynamodb", "GetItem", "Key.id.T", "x", "there is no such member"}},
	"a member is missing": {target("kinesis", "CreateStream", `{"ShardCount":1,"StreamName":null}`),
		Violation{"kinesis", "CreateStream", "StreamName", "", "a required member is missing"}},
	"type": {target("kinesis", "CreateStream", `{"ShardCount":"1","StreamName":"greenhouse"}`),
		Violation{"kinesis", "CreateStream", "ShardCount", "1", "it has to be of type integer"}},
	"type of a blob": {
		target("kinesis", "PutRecord", `{"StreamName":"greenhouse","PartitionKey":"k","Data":"not base64"}`),
		Violation{"kinesis", "PutRecord", "Data", "not base64", "it has to be of type blob"}},
	"enumeration": {target("ssm", "PutParameter", `{"Name":"/greenhouse","Value":"x","Tier":"Golden"}`),
		Violation{"ssm", "PutParameter", "Tier", "Golden", "one of Standard, Advanced, Intelligent-Tiering"}},
	"length": {target("dynamodb", "DescribeTable", `{"TableName":""}`),
		Violation{"dynamodb", "DescribeTable", "TableName", "", "at least 1 characters, not 0"}},
	"length of a secret": {target("secretsmanager", "CreateSecret", `{"Name":"greenhouse","SecretString":""}`),
		Violation{"secretsmanager", "CreateSecret", "SecretString", "(sensitive, str)",
			"at least 1 characters, not 0"}},
	"length of a list": {target("kinesis", "PutRecords", `{"StreamName":"greenhouse","Records":[]}`),
		Violation{"kinesis", "PutRecords", "Records", "[]", "at least 1 elements, not 0"}},
	"range": {wireRequest{"iot", "GET", "/things?maxResults=251", "", ""},
		Violation{"iot", "ListThings", "maxResults", "251", "at most 250, not 251"}},
	"pattern": {wireRequest{"iot", "POST", "/things/soil%20001", "", "{}"},
		Violation{"iot", "CreateThing", "thingName", "soil 001", "has to fit [a-zA-Z0-9:_-]+"}},
	"pattern of a map's key": {
		wireRequest{"iot", "POST", "/things/soil", "", `{"attributePayload":{"attributes":{"b y":"1"}}}`},
		Violation{"iot", "CreateThing", "attributePayload.attributes.b y (key)", "b y",
			"has to fit [a-zA-Z0-9_.,@/:#-]+"}},
	"Java's pattern": {wireRequest{"iot", "POST", "/tags", "", `{"resourceArn":"a","tags":[{"Key":"grün!"}]}`},
		Violation{"iot", "TagResource", "tags[0].Key", "grün!", `has to fit ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`}},
	"REST query": {wireRequest{"iot", "GET", "/things?color=red", "", ""},
		Violation{"iot", "ListThings", "?color", "red", "there is no such member"}},
	"S3 value":   {versioning(`<Status>On</Status>`), s3Violation("Status", "On", "one of Enabled, Suspended")},
	"S3 element": {versioning(`<State>Enabled</State>`), s3Violation("State", "Enabled", "there is no such member")},
	"S3 body": {
		wireRequest{"s3", "PUT", "/archive?versioning", "", `<Versioning/>`},
		Violation{"s3", "PutBucketVersioning", "", "Versioning",
			"the body has to be {http://s3.amazonaws.com/doc/2006-03-01/}VersioningConfiguration"}},
	"S3 header": {putObject("", "X-Amz-Storage-Class: COLD"), Violation{"s3", "PutObject", "StorageClass", "COLD",
		"one of STANDARD, REDUCED_REDUNDANCY, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER, " +
			"DEEP_ARCHIVE, OUTPOSTS, GLACIER_IR, SNOW, EXPRESS_ONEZONE, FSX_OPENZFS, FSX_ONTAP"}},
	"S3 unknown header": {putObject("", "X-Amz-Colour: red"),
		Violation{"s3", "PutObject", "header x-amz-colour", "red", "there is no such member"}},
	"S3 copy": {putObject("?partNumber=x&uploadId=u", "X-Amz-Copy-Source: a/b"),
		Violation{"s3", "UploadPartCopy", "PartNumber", "x", "it has to be of type integer"}},
	"query protocol": {form("iam", "Action=GetRole&RoleName=a%20b"+iamVersion),
		Violation{"iam", "GetRole", "RoleName", "a b", `has to fit [\w+=,.@-]+`}},
	"query list": {form("iam", "Action=TagRole&RoleName=r&Tags.member.1.Key=k"+iamVersion),
		Violation{"iam", "TagRole", "Tags[0].Value", "", "a required member is missing"}},
	"query parameter": {form("iam", "Action=GetRole&RoleName=r&Path=/"+iamVersion),
		Violation{"iam", "GetRole", "Path", "/", "there is no such member"}},
	"query version": {form("iam", "Action=GetRole&RoleName=r&Version=1"),
		Violation{"iam", "GetRole", "Version", "1", "the version has to be 2010-05-08"}},
}

func TestViolations(t *testing.T) {
	for name, c := range violations {
		t.Run(name, func(t *testing.T) {
			s := Start(t)
			c.request.send(t, s.URL)
			if diff := cmp.Diff([]Violation{c.want}, must(s.Violations(t.Context()))(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			s.Allow(t, c.want, "the test is about it")
		})
	}
}

func s3Violation(member, value, rule string) Violation {
	return Violation{"s3", "PutBucketVersioning", "VersioningConfiguration." + member, value, rule}
}

func TestViolationInCBOR(t *testing.T) {
	s := Start(t)
	c := cloudwatch.NewFromConfig(s.Config(t))
	data := []cloudwatchtypes.MetricDatum{
		{MetricName: aws.String("readings"), Value: aws.Float64(1), Unit: "Readings", StorageResolution: aws.Int32(0)},
	}
	_, _ = c.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("IoT"), MetricData: data})
	var members []string
	for _, v := range must(s.Violations(t.Context()))(t) {
		members = append(members, v.Operation+" "+v.Member)
		s.Allow(t, v, "the test is about it")
	}
	slices.Sort(members) // CBOR's maps come in any order
	want := []string{"PutMetricData MetricData[0].StorageResolution", "PutMetricData MetricData[0].Unit"}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A handler in front of which requests are checked answers them as before.
func TestCheckedHandler(t *testing.T) {
	s := Start(t)
	var got string
	stub := httptest.NewServer(s.Checked(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.RequestURI
	})))
	defer stub.Close()
	wireRequest{"iot", "GET", "/things/soil%2F1?x=1", "", ""}.send(t, stub.URL)
	if got != "GET /things/soil%2F1?x=1" {
		t.Errorf("the handler got %q", got)
	}
	s.Allow(t, Violation{Service: "iot", Operation: "DescribeThing", Member: "thingName", Value: "soil/1"}, "tested")
	s.Allow(t, Violation{Service: "iot", Operation: "DescribeThing", Member: "?x", Value: "1"}, "tested")
	if seen := s.Requests(t); len(seen) != 0 {
		t.Errorf("moto served %v", seen)
	}
}

// failures notes what a test would fail with.
type failures struct {
	testing.TB
	texts []string
}

func (*failures) Helper() {}

func (f *failures) Errorf(format string, arguments ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, arguments...))
}

func TestViolationsAreReported(t *testing.T) {
	s := Start(t)
	bad := wireRequest{"iot", "GET", "/things?maxResults=0", "", ""}
	violation := Violation{Service: "iot", Operation: "ListThings", Member: "maxResults"}
	const text = `AWS's model does not allow a request: iot ListThings: maxResults "0": at least 1, not 0`
	for name, c := range map[string]struct {
		test func(f *failures)
		want []string
	}{
		"at the end": {func(f *failures) { bad.send(t, s.URL); s.report(f) }, []string{text}},
		"at a reset": {func(f *failures) { bad.send(t, s.URL); s.Reset(f); s.report(f) }, []string{text}},
		"after a restore": {func(f *failures) {
			s.Save(f, "empty")
			bad.send(t, s.URL)
			s.Restore(f, "empty")
			s.report(f)
		}, []string{text}},
		"not what is allowed": {func(f *failures) {
			s.Allow(f, violation, "tested")
			bad.send(t, s.URL)
			s.report(f)
			s.endAllowances(f)
		}, nil},
		"an exception for nothing": {func(f *failures) { s.Allow(f, violation, "tested"); s.endAllowances(f) },
			[]string{`the exception for iot ListThings: maxResults "" (tested) is not needed`}},
		"an exception for another member": {func(f *failures) {
			s.Allow(f, Violation{Service: "iot", Operation: "ListThings", Member: "nextToken"}, "tested")
			bad.send(t, s.URL)
			s.report(f)
			s.endAllowances(f)
		}, []string{text, `the exception for iot ListThings: nextToken "" (tested) is not needed`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failures{TB: t}
			c.test(f)
			if diff := cmp.Diff(c.want, f.texts); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if err := s.Empty(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A pattern that Python cannot read would not be checked. These are the models of all services that the product uses.
func TestEveryPatternIsChecked(t *testing.T) {
	s := Start(t)
	for _, service := range []string{"cloudwatch", "dynamodb", "firehose", "iam", "iot", "iot-data", "kinesis", "kms",
		"lambda", "logs", "s3", "secretsmanager", "sns", "sqs", "ssm", "stepfunctions", "sts", "timestream-write"} {
		var unchecked map[string]string
		s.read(t, "/mototest/unchecked", map[string][]string{"service": {service}}, &unchecked)
		if len(unchecked) > 0 {
			t.Errorf("%s: patterns that are not checked: %v", service, unchecked)
		}
	}
}

// A client that goes away in the middle of a request, as a killed provider does, has sent nothing wrong.
func TestRequestThatIsCutOff(t *testing.T) {
	s := Start(t)
	conn := must(net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")))(t)
	defer conn.Close()
	const head = "POST / HTTP/1.1\r\nHost: iam\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=k/20260102/us-east-1/iam/aws4_request, Signature=0\r\n"
	must(conn.Write([]byte(head + "Content-Length: 40\r\n\r\nVersion=2010")))(t)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	must(io.ReadAll(conn))(t) // the server is done with it
	if got := must(s.Violations(t.Context()))(t); len(got) > 0 {
		t.Errorf("got %v, want none", got)
	}
}
