package tfdiag

import (
	"crypto/x509"
	"errors"
	"net"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// advice says what to do about a failed request whose answer alone does not tell it.
type advice struct {
	text  string
	codes []string
	// says limits the advice to messages that hold one of these texts; empty means all.
	says []string
}

// advices are tried in order; the first that fits is taken.
var advices = []advice{
	{
		text: "AWS limits the rate of requests, and retries did not help. Wait until less calls AWS in this account " +
			"and region.",
		codes: []string{"LimitExceededException"},
		says:  []string{"Rate exceeded", "simultaneously be in CREATING or DELETING"},
	},
	{
		text: "A quota of the account is used up. Delete what is no longer used, or ask for more in Service Quotas.",
		codes: []string{
			"LimitExceededException", "LimitExceeded", "TopicLimitExceeded", "TooManyBuckets",
			"CodeStorageExceededException", "ServiceQuotaExceededException",
		},
	},
	{
		text: "AWS limits the rate of requests, and retries did not help. Wait until less calls AWS in this account " +
			"and region.",
		codes: []string{
			"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
		},
	},
	{
		text:  "The clock of this machine differs from that of AWS. Set the clock first.",
		codes: []string{"RequestTimeTooSkewed"},
	},
	{
		text:  "The clock of this machine differs from that of AWS. Set the clock first.",
		codes: []string{"InvalidSignatureException", "SignatureDoesNotMatch"},
		says:  []string{"Signature expired", "Signature not yet current"},
	},
	{
		text:  "The KMS key cannot be used. Enable it or cancel its deletion, or choose another key.",
		codes: []string{"KMSDisabledException", "KMSInvalidStateException", "KMSDisabled", "KMSInvalidState"},
	},
	{
		text:  "The KMS key refuses its use. Permit it in the key's policy.",
		codes: []string{"KMSAccessDeniedException", "KMSAccessDenied"},
	},
	{
		text:  "Bucket names are shared by all AWS accounts, and another account has this one.",
		codes: []string{"BucketAlreadyExists"},
	},
	{
		text:  "A new role takes time to be known everywhere in AWS. If it lasts, check the role's trust policy.",
		codes: []string{"InvalidParameterValueException"},
		says:  []string{"cannot be assumed by Lambda"},
	},
}

// advise is the advice for err; empty when there is none.
func advise(err error) string {
	for _, a := range advices {
		if awsapi.Is(err, a.codes...) && (len(a.says) == 0 || awsapi.MessageHas(err, a.says...)) {
			return a.text
		}
	}
	var name *net.DNSError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name):
		return "Check the region, which may not have this service, and the network's DNS and proxy."
	case errors.As(err, &authority):
		return "A proxy may replace the certificates of AWS. Name its authority in AWS_CA_BUNDLE."
	}
	return ""
}
