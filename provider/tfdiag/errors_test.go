package tfdiag

import (
	"crypto/x509"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

var update = flag.Bool("update", false, "write the golden files")

// TestErrors compares the whole diagnostic of likely failures with golden files. No answer of AWS was captured for
// them: docs/testing.md lists that.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, kind, service, operation string
		err                            error
	}{
		{"expired-token", "iot_policy", "IoT", "CreatePolicy",
			awstest.Refused("ExpiredTokenException", "The security token included in the request is expired")},
		{"permission-iot", "iot_policy", "IoT", "CreatePolicy",
			awstest.Refused("UnauthorizedException", "not authorized")},
		{"permission-kinesis", "kinesis_stream", "Kinesis", "CreateStream",
			awstest.Refused("AccessDeniedException", "User is not authorized to perform: kinesis:CreateStream")},
		{"quota-rules", "iot_rule", "IoT", "CreateTopicRule",
			awstest.Refused("LimitExceededException", "Limit exceeded")},
		{"quota-shards", "kinesis_stream", "Kinesis", "CreateStream",
			awstest.Refused("LimitExceededException", "This request would exceed the shard limit for the account")},
		{"quota-topics", "sns_topic", "SNS", "CreateTopic",
			awstest.Refused("TopicLimitExceeded", "Topic limit exceeded")},
		{"quota-buckets", "s3_bucket", "S3", "CreateBucket",
			awstest.Refused("TooManyBuckets", "You have attempted to create more buckets than allowed")},
		{"throttled", "iot_thing", "IoT", "CreateThing", awstest.Refused("ThrottlingException", "Rate exceeded")},
		{"throttled-limit", "kinesis_stream", "Kinesis", "CreateStream",
			awstest.Refused("LimitExceededException", "Rate exceeded for stream")},
		{"clock-s3", "s3_bucket", "S3", "CreateBucket", awstest.Refused("RequestTimeTooSkewed",
			"The difference between the request time and the current time is too large.")},
		{"clock-signature", "iot_thing", "IoT", "CreateThing",
			awstest.Refused("InvalidSignatureException",
				"Signature expired: 20260101T000000Z is now earlier than ...")},
		{"kms-disabled", "kinesis_stream", "Kinesis", "StartStreamEncryption",
			awstest.Refused("KMSDisabledException", "The key is disabled.")},
		{"kms-denied", "kinesis_stream", "Kinesis", "StartStreamEncryption",
			awstest.Refused("KMSAccessDeniedException", "The ciphertext refers to a key that you may not use.")},
		{"bucket-taken", "s3_bucket", "S3", "CreateBucket",
			awstest.Refused("BucketAlreadyExists", "The requested bucket name is not available.")},
		{"role-not-assumable", "lambda_function", "Lambda", "CreateFunction",
			awstest.Refused("InvalidParameterValueException",
				"The role defined for the function cannot be assumed by Lambda.")},
		{"no-such-host", "kinesis_stream", "Kinesis", "CreateStream",
			&net.DNSError{Err: "no such host", Name: "kinesis.eu-nowhere-1.amazonaws.com", IsNotFound: true}},
		{"tls-proxy", "iot_thing", "IoT", "CreateThing", x509.UnknownAuthorityError{}},
		{"foreign", "kinesis_stream", "", "", &assembly.ForeignError{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.err
			if c.service != "" {
				err = awstest.Failed(c.service, c.operation, err)
			}
			failure := &assembly.Failure{Wrote: true, Problems: []*assembly.PartError{
				{Key: "part", Kind: c.kind, Name: "greenhouse", Operation: assembly.Creating, Err: err},
			}}
			var diags diag.Diagnostics
			Failure(&diags, failure, Run{Doing: "Creating", Name: "greenhouse",
				Done: []assembly.Record{{Key: "manifest", Status: assembly.Ready}},
				Next: "Fix the cause, then run terraform apply again."})
			var got strings.Builder
			for _, d := range diags {
				got.WriteString(d.Summary() + "\n\n" + d.Detail() + "\n")
			}
			golden(t, c.name, got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "errors", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}
