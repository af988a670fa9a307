package failures

import "github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"

// permissions are refusals of the credentials, once an apply is under way.
func permissions() []failure {
	return []failure{
		{
			name: "permission-iot", why: "AWS IoT does not say which action is missing",
			fault: mototest.Fault{Service: "iot", Operation: "CreatePolicy", Code: "UnauthorizedException",
				Message: "not authorized"},
		},
		{
			name: "permission-kinesis", why: "a role for Terraform is rarely complete at first",
			fault: mototest.Fault{Service: "kinesis", Operation: "CreateStream", Code: "AccessDeniedException",
				Message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: kinesis:CreateStream " +
					"on resource: arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse because no identity-based " +
					"policy allows the kinesis:CreateStream action"},
		},
		{
			name: "permission-pass-role", why: "iam:PassRole is forgotten most often, and no request has that name",
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateFunction", Code: "AccessDeniedException",
				Message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: iam:PassRole on " +
					"resource: arn:aws:iam::123456789012:role/greenhouse-us-east-1-processor because no identity-based policy " +
					"allows the iam:PassRole action"},
		},
		{
			name: "permission-denied", why: "organizations forbid regions and services with service control policies",
			fault: mototest.Fault{Service: "iam", Operation: "CreateRole", Code: "AccessDenied",
				Message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: iam:CreateRole on " +
					"resource: arn:aws:iam::123456789012:role/greenhouse-us-east-1-processor with an explicit deny in a service " +
					"control policy"},
		},
		{
			name: "expired-token", why: "an apply outlives the credentials of a session",
			fault: mototest.Fault{Service: "iot", Operation: "CreatePolicy", Code: "ExpiredTokenException",
				Message: "The security token included in the request is expired"},
		},
		{
			name: "unknown-token", why: "region of the pipeline is not enabled in the account",
			fault: mototest.Fault{Service: "iot", Operation: "CreatePolicy", Code: "UnrecognizedClientException",
				Message: "The security token included in the request is invalid."},
		},
		{
			name: "clock-s3", why: "virtual machines that slept have a wrong clock",
			fault: mototest.Fault{Service: "s3", Operation: "CreateBucket", Code: "RequestTimeTooSkewed",
				Message: "The difference between the request time and the current time is too large."},
		},
		{
			name: "clock-signature", why: "all services but S3 name a wrong clock in this way",
			fault: mototest.Fault{Service: "iot", Operation: "CreateThing", Code: "InvalidSignatureException",
				Message: "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z " +
					"(20260101T001500Z - 5 min.)"},
		},
		{
			name: "wrong-secret", why: "a secret key is copied incompletely",
			fault: mototest.Fault{Service: "kinesis", Operation: "CreateStream", Code: "InvalidSignatureException",
				Message: "The request signature we calculated does not match the signature you provided. Check your AWS " +
					"Secret Access Key and signing method. Consult the service documentation for details."},
		},
	}
}

// quotas are quotas that are used up.
func quotas() []failure {
	return []failure{
		{
			name: "quota-rules", why: "a pipeline takes several of the account's topic rules",
			fault: mototest.Fault{Service: "iot", Operation: "CreateTopicRule", Code: "LimitExceededException",
				Message: "Limit exceeded"},
		},
		{
			name: "quota-shards", why: "other regions than the largest have 200 shards",
			text: minimal + `stream = { mode = "provisioned", shards = 2 }`,
			fault: mototest.Fault{Service: "kinesis", Operation: "CreateStream", Code: "LimitExceededException",
				Message: "This request would exceed the shard limit for the account 123456789012 in us-east-1. Current " +
					"shard count for the account: 200. Limit: 200. Number of additional shards that would have " +
					"resulted from this request: 2."},
		},
		{
			name: "quota-topics", why: "topics are made by many tools and rarely removed",
			text: minimal + `alerts = { emails = ["ops@example.com"] }`,
			fault: mototest.Fault{Service: "sns", Operation: "CreateTopic", Code: "TopicLimitExceeded",
				Message: "Topic limit exceeded"},
		},
		{
			name: "quota-buckets", why: "an account had 100 buckets for many years",
			fault: mototest.Fault{Service: "s3", Operation: "CreateBucket", Code: "TooManyBuckets",
				Message: "You have attempted to create more buckets than allowed"},
		},
		{
			name: "quota-roles", why: "each pipeline has several roles, and an account 1,000",
			fault: mototest.Fault{Service: "iam", Operation: "CreateRole", Code: "LimitExceeded",
				Message: "Cannot exceed quota for RolesPerAccount: 1000"},
		},
		{
			name: "policy-too-long", why: "a route's role names each of its targets",
			fault: mototest.Fault{Service: "iam", Operation: "PutRolePolicy", Code: "LimitExceeded",
				Message: "Maximum policy size of 10240 bytes exceeded for role greenhouse-us-east-1-processor"},
		},
		{
			name: "quota-code", why: "functions keep the code of all their versions",
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateFunction", Code: "CodeStorageExceededException",
				Message: "Code storage limit exceeded."},
		},
		{
			name: "quota-tables", why: "a pipeline makes up to two tables",
			fault: mototest.Fault{Service: "dynamodb", Operation: "CreateTable", Code: "LimitExceededException",
				Message: "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber"},
		},
		{
			name: "quota-certificates", why: "test runs register the same authority again and again",
			text: minimal + `provisioning = { jitp = { ca_certificate_pem = AUTHORITY } }`,
			run:  withAuthority,
			fault: mototest.Fault{Service: "iot", Operation: "RegisterCACertificate", Code: "LimitExceededException",
				Message: "The number of CA certificates with this subject has reached its limit"},
		},
	}
}

// rates are limits of requests per second.
func rates() []failure {
	return []failure{
		{
			name: "throttled", why: "the registry's rates hold for all of an account's fleets together",
			fault: mototest.Fault{Service: "iot", Operation: "CreateThing", Code: "ThrottlingException",
				Message: "Rate exceeded"},
		},
		{
			name: "throttled-limit", why: "Kinesis names a rate with the code of a quota",
			fault: mototest.Fault{Service: "kinesis", Operation: "CreateStream", Code: "LimitExceededException",
				Message: "Rate exceeded for stream greenhouse under account 123456789012."},
		},
		{
			name: "throttled-lambda", why: "an account has 15 requests to Lambda's API per second",
			fault: mototest.Fault{Service: "awslambda", Operation: "CreateFunction", Code: "TooManyRequestsException",
				Message: "Rate exceeded"},
		},
		{
			name: "outage", why: "AWS itself fails now and then",
			fault: mototest.Fault{Service: "iot", Operation: "CreateThingGroup", Code: "InternalFailureException",
				Message: "An unexpected error has occurred."},
		},
	}
}

// keys are KMS keys that cannot be used.
func keys() []failure {
	const (
		arn       = "arn:aws:kms:us-east-1:123456789012:key/1b2c3d4e-0000-4000-8000-000000000001"
		encrypted = minimal + `stream = { kms_key_id = "` + arn + `" }`
	)
	kinesis := func(code, message string) mototest.Fault {
		return mototest.Fault{Service: "kinesis", Operation: "StartStreamEncryption", Code: code, Message: message}
	}
	return []failure{
		{
			name: "kms-disabled", why: "a key is disabled before it is deleted", text: encrypted,
			fault: kinesis("KMSDisabledException", arn+" is disabled."),
		},
		{
			name: "kms-deletion", why: "a key waits up to 30 days for its deletion", text: encrypted,
			fault: kinesis("KMSInvalidStateException", arn+" is pending deletion."),
		},
		{
			name: "kms-missing", why: "a key belongs to another region", text: encrypted,
			fault: kinesis("KMSNotFoundException", "Key '"+arn+"' does not exist"),
		},
		{
			name: "kms-denied", why: "a key's policy must permit what IAM permits", text: encrypted,
			fault: kinesis("KMSAccessDeniedException", "User: arn:aws:iam::123456789012:user/ci is not authorized to "+
				"perform: kms:GenerateDataKey on resource: "+arn+" because no resource-based policy allows the "+
				"kms:GenerateDataKey action"),
		},
	}
}
