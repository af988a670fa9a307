// Package permissions knows which IAM permissions the provider needs: what policies call the action of a request, and
// the smallest policy that allows them all.
//
// It must not know the AWS SDK, Terraform, or what a pipeline is beyond the names of its objects.
package permissions

import "strings"

// prefixes maps services to their prefix in IAM actions, where the name in the SDK and in moto differs.
var prefixes = map[string]string{
	"IoT": "iot", "Kinesis": "kinesis", "Timestream Write": "timestream", "timestream-write": "timestream",
	"Timestream InfluxDB": "timestream-influxdb",
	"DynamoDB":            "dynamodb", "S3": "s3",
	"SNS": "sns", "SQS": "sqs", "IAM": "iam", "Lambda": "lambda", "CloudWatch Logs": "logs", "SSM": "ssm",
	"Secrets Manager": "secretsmanager",
	"STS":             "sts", "KMS": "kms", "Firehose": "firehose", "Glue": "glue", "Athena": "athena",
	"CloudWatch": "cloudwatch", "Scheduler": "scheduler", "ApiGatewayV2": "apigateway", "apigatewayv2": "apigateway",
	"GreengrassV2": "greengrass", "greengrassv2": "greengrass",
	"Resource Groups Tagging API": "tag", "resourcegroupstaggingapi": "tag",
}

// verbs are the actions of API Gateway, which are named after HTTP methods, by how the operations begin. Tags of its
// second generation are set with POST, while the reference has them below PUT; the policy allows both.
var verbs = []struct{ begins, action string }{
	{"Get", "GET"}, {"Create", "POST"}, {"Update", "PATCH"}, {"Delete", "DELETE"}, {"Tag", "PUT"}, {"Untag", "DELETE"},
}

// renamed are the operations whose permission has another name [S3 and Lambda actions, resources, and condition keys].
var renamed = map[string]string{
	"lambda:Invoke":                      "lambda:InvokeFunction",
	"sqs:ChangeMessageVisibilityBatch":   "sqs:ChangeMessageVisibility",
	"s3:HeadObject":                      "s3:GetObject",
	"s3:HeadBucket":                      "s3:ListBucket",
	"s3:ListObjects":                     "s3:ListBucket",
	"s3:ListObjectsV2":                   "s3:ListBucket",
	"s3:ListBuckets":                     "s3:ListAllMyBuckets",
	"s3:ListObjectVersions":              "s3:ListBucketVersions",
	"s3:DeleteObjects":                   "s3:DeleteObject",
	"s3:PutBucketEncryption":             "s3:PutEncryptionConfiguration",
	"s3:GetBucketEncryption":             "s3:GetEncryptionConfiguration",
	"s3:PutPublicAccessBlock":            "s3:PutBucketPublicAccessBlock",
	"s3:GetPublicAccessBlock":            "s3:GetBucketPublicAccessBlock",
	"s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
	"s3:GetBucketLifecycle":              "s3:GetLifecycleConfiguration",
	"s3:DeleteBucketLifecycle":           "s3:PutLifecycleConfiguration",
}

// Action returns the name of an operation in IAM policies, such as "kinesis:CreateStream"; empty for an unknown
// service. The service is named as in the SDK ("Timestream Write"), or by its prefix in IAM.
func Action(service, operation string) string {
	prefix, known := prefixes[service]
	if !known {
		for _, p := range prefixes {
			known = known || p == service
		}
		prefix = service
	}
	if !known || operation == "" {
		return ""
	}
	if prefix == "apigateway" {
		for _, v := range verbs {
			if strings.HasPrefix(operation, v.begins) {
				operation = v.action
				break
			}
		}
	}
	action := prefix + ":" + operation
	if other, ok := renamed[action]; ok {
		return other
	}
	return action
}
