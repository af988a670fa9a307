package failures

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

const bucket = "greenhouse-123456789012-us-east-1"

// names are names that somebody else has.
func names() []failure {
	return []failure{
		{name: "foreign-stream", why: "a stream of a trial has the name", run: func(a *account, text string) diagnostics {
			a.MakeStream(a.t, "greenhouse")
			return a.create(text)
		}},
		{name: "foreign-thing", why: "the devices exist already", run: func(a *account, text string) diagnostics {
			a.MakeThing(a.t, "soil-001")
			return a.create(text)
		}},
		{name: "foreign-rule", why: "a rule was written by hand before", run: func(a *account, text string) diagnostics {
			a.MakeRule(a.t, "greenhouse_telemetry")
			return a.create(text)
		}},
		{name: "foreign-role", why: "roles of an account share their names in all regions",
			run: func(a *account, text string) diagnostics {
				a.MakeRole(a.t, "greenhouse-us-east-1-processor")
				return a.create(text)
			}},
		{name: "foreign-bucket", why: "a bucket was kept from a pipeline that is gone",
			run: func(a *account, text string) diagnostics {
				a.MakeBucket(a.t, bucket)
				return a.create(text)
			}},
		{
			name: "bucket-of-another", why: "another account has the bucket, and refuses to say so",
			fault: mototest.Fault{Service: "s3", Operation: "GetBucketTagging", Code: "AccessDenied",
				Message: "Access Denied"},
		},
		{
			name: "bucket-taken", why: "all accounts share the names of buckets",
			fault: mototest.Fault{Service: "s3", Operation: "CreateBucket", Code: "BucketAlreadyExists",
				Message: "The requested bucket name is not available. The bucket namespace is shared by all users of " +
					"the system. Please select a different name and try again."},
		},
		{name: "second-pipeline", why: "two people apply at the same time, or a state was lost",
			run: func(a *account, text string) diagnostics {
				a.created(text)
				return a.create(text)
			}},
	}
}

func (a *account) create(text string) diagnostics {
	_, found := a.apply(a.t.Context(), state{}, text)
	return found
}

// objects are what AWS says of one object.
func objects() []failure {
	return []failure{
		{
			name: "role-not-assumable", why: "IAM takes seconds to spread a role, and sometimes minutes",
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateFunction",
				Code:    "InvalidParameterValueException",
				Message: "The role defined for the function cannot be assumed by Lambda."},
		},
		{
			name: "role-not-assumable-iot", why: "AWS IoT checks a rule's role when it makes the rule",
			fault: mototest.Fault{Service: "iot", Operation: "CreateTopicRule", Code: "InvalidRequestException",
				Message: "iot.amazonaws.com is unable to perform: sts:AssumeRole on resource: " +
					"arn:aws:iam::123456789012:role/greenhouse-us-east-1-rules"},
		},
		{
			name: "role-without-permission", why: "Lambda checks the role's policy, which spreads as slowly",
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateEventSourceMapping",
				Code: "InvalidParameterValueException",
				Message: "Cannot access stream arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse. Please ensure " +
					"the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and " +
					"ListStreams Actions on your stream in IAM."},
		},
		{
			name: "queue-name", why: "a pipeline is deleted and re-created at once",
			fault: mototest.Fault{Service: "sqs", Operation: "CreateQueue",
				Code: "AWS.SimpleQueueService.QueueDeletedRecently",
				Message: "You must wait 60 seconds after deleting a queue before you can create another with the same " +
					"name."},
		},
		{
			name: "rule-sql", why: "AWS refuses some SQL that its reference allows",
			text: minimal + "routes = { r = { sql = \"SELECT * FROM 'greenhouse/+/telemetry'\", " +
				"republish = { topic = \"copy\" } } }",
			fault: mototest.Fault{Service: "iot", Operation: "CreateTopicRule", Code: "SqlParseException",
				Message: "Expected a valid SQL statement but found an error at line 1, column 8"},
		},
		{
			name: "csr-refused", why: "devices make requests with keys that AWS does not take",
			text: `name = "greenhouse"` + "\n" + `devices = { "soil-001" = { csr_pem = REQUEST } }`,
			run: func(a *account, text string) diagnostics {
				request, _ := pemtest.Request(a.t, "soil-001")
				return a.create(strings.Replace(text, "REQUEST", fmt.Sprintf("%q", request), 1))
			},
			fault: mototest.Fault{Service: "iot", Operation: "CreateCertificateFromCsr",
				Code: "InvalidRequestException", Message: "The CSR is not valid"},
		},
		{
			name: "certificate-refused", why: "a certificate was registered in the account or region before",
			text: `name = "greenhouse"` + "\n" + `devices = { "soil-001" = { certificate_pem = CERTIFICATE } }`,
			run: func(a *account, text string) diagnostics {
				certificate := pemtest.SelfSigned(a.t, "soil-001")
				return a.create(strings.Replace(text, "CERTIFICATE", fmt.Sprintf("%q", certificate), 1))
			},
			fault: mototest.Fault{Service: "iot", Operation: "RegisterCertificateWithoutCA",
				Code: "CertificateValidationException", Message: "The certificate is not valid"},
		},
		{
			name: "concurrent", why: "two applies change one function",
			run: changed("\nprocessor = { memory_mb = 1024 }", mototest.Fault{Service: "awslambda",
				Operation: "UpdateFunctionConfiguration", Code: "ResourceConflictException",
				Message: "The operation cannot be performed at this time. An update is in progress for resource: " +
					"arn:aws:lambda:us-east-1:123456789012:function:greenhouse-processor"}),
		},
		{name: "protected", why: "somebody protects the table of a production pipeline",
			run: func(a *account, text string) diagnostics {
				made := a.created(text)
				a.Protect(a.t, "greenhouse")
				return a.destroy(made)
			}},
		{
			name: "thing-type", why: "AWS keeps a thing type for five minutes",
			run: destroyed(mototest.Fault{Service: "iot", Operation: "DeleteThingType",
				Code:    "InvalidRequestException",
				Message: "Invalid Request. Please wait for 5 minutes after deprecation and then retry."}),
		},
		{
			name: "subnet", why: "a subnet belongs to another VPC or region",
			text: minimal + `influxdb = { url = "https://influx.example.com:8086", organization = "farm", bucket = "greenhouse", ` +
				`token_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:influx-AbCdEf", ` +
				`vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = ["sg-0123456789abcdef0"] } }`,
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateFunction",
				Code: "InvalidParameterValueException",
				Message: "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error " +
					"Message: The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		},
	}
}

// withAuthority creates the pipeline with an authority's certificate in place of AUTHORITY.
func withAuthority(a *account, text string) diagnostics {
	spec := must[[]byte](a.t)(os.ReadFile("../../internal/pipeline/testdata/full.spec.json"))
	var full pipeline.Spec
	if err := json.Unmarshal(spec, &full); err != nil {
		a.t.Fatal(err)
	}
	return a.create(strings.Replace(text, "AUTHORITY", fmt.Sprintf("%q", full.Provisioning.JITP.CACertificatePEM), 1))
}
