package tfdiag

import (
	"errors"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// advice names a failure and says what to do about it, where the answer of AWS alone does not tell it. The guide
// "Errors" has a section for each outcome.
type advice struct {
	outcome string // ends the summary
	text    string
	codes   []string
	// says limits the advice to messages that hold one of these texts; empty means all.
	says []string
	// operations limits the advice to failed requests of these operations; empty means all.
	operations []string
}

const (
	tooFast     = "AWS limits the rate of requests"
	tooFastText = "Retries did not help, and nothing is wrong with the configuration. Wait until less calls AWS in " +
		"this account and region, or lower request_rates in the provider block."
	quotaUsedUp  = "a quota is used up"
	clockDiffers = "the clock of this machine is wrong"
	clockText    = "The clock of this machine differs from that of AWS. Set the clock first."
	keyUnusable  = "the KMS key cannot be used"
)

// advices are tried in order; the first that fits is taken.
var advices = slices.Concat(quotaAdvices, accessAdvices, objectAdvices, serviceAdvices)

// quotaAdvices are about rates, quotas and sizes, which AWS often tells apart in the message only.
var quotaAdvices = []advice{
	{
		outcome: tooFast,
		text:    tooFastText,
		codes:   []string{"LimitExceededException"},
		says:    []string{"Rate exceeded", "simultaneously be in CREATING or DELETING"},
	},
	{
		outcome: tooFast,
		text:    tooFastText,
		codes: []string{
			"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
			"ProvisionedThroughputExceededException", "RequestThrottled", "RequestThrottledException",
		},
	},
	{
		outcome: "a policy is too long",
		text: "AWS does not raise the size of a role's policies. The role names every table, bucket, topic and other " +
			"target that it reaches: write to fewer targets, or divide the pipeline into two.",
		codes: []string{"LimitExceeded"},
		says:  []string{"Maximum policy size", "PolicySize"},
	},
	{
		outcome: quotaUsedUp,
		text: "The account has as many IAM roles or policies as it may. Delete what is no longer used, or ask for " +
			"more in Service Quotas, which keeps those of IAM in us-east-1.",
		codes: []string{"LimitExceeded"},
	},
	{
		outcome: quotaUsedUp,
		text: "The code of all Lambda functions of the account and region, with their old versions and layers, takes " +
			"75 GB. Delete functions and versions that are no longer used, or ask for more in Service Quotas.",
		codes: []string{"CodeStorageExceededException"},
	},
	{
		outcome: quotaUsedUp,
		text: "AWS IoT takes 10 CA certificates with one subject in an account and region. Delete one that no device " +
			"uses any more, or make an authority with a subject of its own.",
		codes:      []string{"LimitExceededException"},
		operations: []string{"RegisterCACertificate"},
	},
	{
		outcome: quotaUsedUp,
		text:    "Delete what the account no longer uses, or ask for more in Service Quotas, in the pipeline's region.",
		codes: []string{
			"LimitExceededException", "TopicLimitExceeded", "SubscriptionLimitExceeded", "FilterPolicyLimitExceeded",
			"TooManyBuckets", "ServiceQuotaExceededException", "ParameterLimitExceeded", "ResourceLimitExceeded",
			"ResourceNumberLimitExceededException",
		},
	},
}

// accessAdvices are about clocks, keys and roles.
var accessAdvices = []advice{
	{outcome: clockDiffers, text: clockText, codes: []string{"RequestTimeTooSkewed"}},
	{
		outcome: clockDiffers,
		text:    clockText,
		codes:   []string{"InvalidSignatureException", "SignatureDoesNotMatch"},
		says:    []string{"Signature expired", "Signature not yet current"},
	},
	{
		outcome: "the secret access key is wrong",
		text: "The secret access key does not belong to the access key ID, or a proxy changes requests. Copy both " +
			"again, without blanks.",
		codes: []string{"InvalidSignatureException", "SignatureDoesNotMatch"},
	},
	{
		outcome: keyUnusable,
		text:    "The key is disabled. Enable it, or choose another key.",
		codes:   []string{"KMSDisabledException", "KMSDisabled", "KMS.DisabledException"},
	},
	{
		outcome: keyUnusable,
		text: "The key is pending deletion, or in another state that lets nobody use it. Cancel its deletion and " +
			"enable it, or choose another key.",
		codes: []string{"KMSInvalidStateException", "KMSInvalidState", "KMS.KMSInvalidStateException"},
	},
	{
		outcome: keyUnusable,
		text: "There is no such key in this account and region. Check the argument: a key of another account or " +
			"region needs its ARN, and most services take keys of their own region only.",
		codes: []string{"KMSNotFoundException", "KMSNotFound", "KMS.NotFoundException", "InvalidKeyId"},
	},
	{
		outcome: keyUnusable,
		text: "The key refuses its use. Permit it in the key's policy: to the principal that runs Terraform, and to " +
			"the roles and services of the pipeline.",
		codes: []string{"KMSAccessDeniedException", "KMSAccessDenied", "KMS.AccessDeniedException"},
	},
	{
		outcome: keyUnusable,
		text: "CloudWatch Logs may not use the key. Permit it in the key's policy to logs.<region>.amazonaws.com, or " +
			"check the key's ARN.",
		codes: []string{"InvalidParameterException"},
		says:  []string{"is not allowed to be used with", "KMS key"},
	},
	{
		outcome: "AWS does not accept a role",
		text: "A new role and its policies take time to be known everywhere in AWS, and the provider has waited for " +
			"them. Apply again. If it lasts, somebody has changed the role or its trust policy, or a policy of the " +
			"organization or the permissions boundary denies what the message names.",
		codes: []string{"InvalidParameterValueException", "InvalidRequestException", "InvalidArgumentException",
			"ValidationException"},
		says: []string{"cannot be assumed", "sts:AssumeRole", "unable to assume role", "to assume the role",
			"ensure the role can perform", "role does not have permissions"},
	},
}

// objectAdvices are about what AWS says of one object.
var objectAdvices = []advice{
	{
		outcome: "the name is taken by another AWS account",
		text: "All AWS accounts share the names of buckets, and a name says nothing about who has it. Choose another " +
			"name for the pipeline.",
		codes: []string{"BucketAlreadyExists"},
	},
	{
		outcome: "somebody else has the bucket",
		text: "All AWS accounts share the names of buckets. If the bucket is not yours, choose another name for the " +
			"pipeline. If it is, its bucket policy or your permissions refuse s3:GetBucketTagging.",
		codes:      []string{"AccessDenied", "Forbidden"},
		says:       []string{"Access Denied", "Forbidden"},
		operations: []string{"GetBucketTagging", "HeadBucket"},
	},
	{
		outcome: "the name is not free yet",
		text:    "AWS gives the name of a deleted queue out again after a minute. Wait a minute.",
		codes:   []string{"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"},
	},
	{
		outcome: "AWS does not accept the SQL",
		text: "AWS reads the SQL once more and refuses it, although the check of the plan found nothing. Change the " +
			"sql of the route at the place that the message names, and please report the statement: a plan should " +
			"find it.",
		codes: []string{"SqlParseException"},
	},
	{
		outcome: "AWS does not accept the certificate",
		text: "AWS IoT takes certificates with RSA keys of at least 2048 bits or keys on P-256, P-384 or P-521, " +
			"signed with SHA-256 or better, and no authority's certificate for a device.",
		codes: []string{"CertificateValidationException", "CertificateConflictException"},
	},
	{
		outcome: "AWS does not accept the certificate signing request",
		text: "AWS IoT takes requests with RSA keys of at least 2048 bits or keys on P-256, P-384 or P-521, signed " +
			"with SHA-256 or better. Make a new request on the device.",
		codes:      []string{"InvalidRequestException"},
		operations: []string{"CreateCertificateFromCsr"},
	},
	{
		outcome: "it is protected against deletion",
		text:    "Somebody has switched on its deletion protection. Switch it off in AWS first.",
		codes:   []string{"ValidationException", "ResourceInUseException"},
		says:    []string{"protected against deletion", "eletion protection", "DeletionProtection"},
	},
	{
		outcome: "AWS does not let it go yet",
		text: "AWS keeps a thing type for five minutes after its deprecation, which the provider has done. Repeat in " +
			"five minutes.",
		codes: []string{"InvalidRequestException"},
		says:  []string{"wait for 5 minutes after deprecation"},
	},
	{
		outcome: "a subnet or security group is wrong",
		text:    "Check the subnets and security groups: they must exist in the pipeline's region and share one VPC.",
		codes:   []string{"InvalidParameterValueException", "ValidationException"},
		says:    []string{"subnet", "Subnet", "security group", "Security Group", "SecurityGroup"},
	},
	{
		outcome: "the account has no access to Timestream LiveAnalytics",
		text: "AWS has closed LiveAnalytics to new customers. Remove the timestream block: the pipeline works " +
			"without it.",
		codes: []string{"AccessDeniedException"},
		says:  []string{"Only existing Timestream for LiveAnalytics customers"},
	},
}

// serviceAdvices are about a service as a whole, and about others who use it.
var serviceAdvices = []advice{
	{
		outcome: "another change is under way",
		text: "Another apply, tool or person changes the same object at this time. Wait until that is over. Let one " +
			"apply run at a time: use a backend that locks the state.",
		codes: []string{
			"ConcurrentModificationException", "ConcurrentUpdatesExceededException", "ConcurrentAccess",
			"ConflictingResourceUpdateException", "VersionConflictException", "OperationAborted",
			"OperationAbortedException", "ResourceConflictException", "ConflictException", "ResourceInUseException",
			"ConcurrentModification", "TooManyUpdates",
		},
	},
	{
		outcome: "AWS itself failed",
		text: "Retries did not help, and nothing is wrong with the configuration. Look at the AWS Health Dashboard, " +
			"and repeat when the service works again.",
		codes: []string{
			"InternalFailure", "InternalFailureException", "InternalServerError", "InternalServerErrorException",
			"InternalServiceError", "InternalError", "InternalException", "ServiceException", "ServiceUnavailable",
			"ServiceUnavailableException", "ServiceFailure", "ServiceFailureException",
		},
	},
}

// adviceFor is the advice for an answer of AWS; the zero value when there is none.
func adviceFor(err error) advice {
	operation := awsapi.DetailOf(err).Operation
	for _, a := range advices {
		if awsapi.Is(err, a.codes...) && (len(a.says) == 0 || awsapi.MessageHas(err, a.says...)) &&
			(len(a.operations) == 0 || slices.Contains(a.operations, operation)) {
			return a
		}
	}
	if errors.As(err, new(*awsapi.LateError)) {
		return advice{outcome: "it is not ready yet", text: "AWS takes longer than usual, or the object is in a " +
			"state that it does not leave. Look at it in AWS. To go on waiting, apply again."}
	}
	return networkAdvice(err)
}
