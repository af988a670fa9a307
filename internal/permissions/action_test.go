package permissions

import "testing"

func TestAction(t *testing.T) {
	for _, tt := range []struct{ service, operation, want, why string }{
		{"Kinesis", "CreateStream", "kinesis:CreateStream", "the SDK's name"},
		{"kinesis", "CreateStream", "kinesis:CreateStream", "IAM's own name"},
		{"Timestream Write", "CreateTable", "timestream:CreateTable", "services are called otherwise in IAM"},
		{"CloudWatch Logs", "CreateLogGroup", "logs:CreateLogGroup", "services are called otherwise in IAM"},
		{"S3", "HeadBucket", "s3:ListBucket", "S3 operations are called otherwise in IAM"},
		{"S3", "PutBucketPolicy", "s3:PutBucketPolicy", "but not all"},
		{"Braket", "CreateJob", "", "unknown service"},
		{"", "", "", "no AWS error"},
	} {
		if got := Action(tt.service, tt.operation); got != tt.want {
			t.Errorf("Action(%q, %q) = %q, want %q: %s", tt.service, tt.operation, got, tt.want, tt.why)
		}
	}
}
