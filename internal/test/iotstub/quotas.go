package iotstub

import (
	"math"
	"strings"

	"golang.org/x/time/rate"
)

// Quotas are AWS's default request rates, per second, of what a pipeline sends [AWS 1.1, 2.1, 6.1, 8], for
// Options.Rates. They are written down here once more, apart from those that the provider keeps to, so that a test
// finds out when the two differ.
func Quotas() map[string]float64 {
	quotas := map[string]float64{}
	for perSecond, operations := range map[float64]string{
		350: "iot:DescribeThing",
		200: "iot:GetTopicRule",
		100: `iot:CreateThing iot:UpdateThing iot:DeleteThing iot:AttachThingPrincipal iot:DetachThingPrincipal
			iot:AddThingToThingGroup
			iot:RemoveThingFromThingGroup iot:ListThingGroupsForThing iot:DescribeThingGroup
			iot:DescribeThingType lambda:GetFunction`,
		50: "secretsmanager:CreateSecret secretsmanager:UpdateSecret secretsmanager:DeleteSecret",
		25: "iot:ListThingsInThingGroup iot:CreateThingGroup",
		20: "iot:DeleteTopicRule",
		15: `iot:UpdateThingGroup iot:DeleteThingGroup iot:CreateThingType iot:DeprecateThingType
			iot:DeleteThingType iot:AttachPolicy iot:DetachPolicy
			iot:ListAttachedPolicies iot:GetPolicyVersion iot:CreateCertificateFromCsr lambda:GetPolicy lambda:*`,
		10: `iot:ListThings iot:ListThingPrincipals iot:ListPrincipalThings iot:ListThingGroups
			iot:ListThingTypes iot:TagResource iot:UntagResource
			iot:ListTagsForResource iot:CreatePolicy iot:CreatePolicyVersion iot:DeletePolicy
			iot:DeletePolicyVersion iot:SetDefaultPolicyVersion
			iot:ListPolicies iot:ListPolicyVersions iot:ListTargetsForPolicy iot:GetPolicy
			iot:DescribeCertificate iot:RegisterCertificateWithoutCA
			iot:UpdateCertificate iot:DeleteCertificate iot:ListCertificates`,
		5: `iot:CreateTopicRule iot:ReplaceTopicRule iot:EnableTopicRule iot:DisableTopicRule
			kinesis:CreateStream kinesis:DeleteStream
			timestreamwrite:DescribeDatabase timestreamwrite:DescribeTable timestreamwrite:ListDatabases timestreamwrite:ListTables`,
		3: "ssm:PutParameter", // believed [AWS 8]
		1: `iot:ListTopicRules timestreamwrite:CreateDatabase timestreamwrite:UpdateDatabase
			timestreamwrite:DeleteDatabase
			timestreamwrite:CreateTable timestreamwrite:UpdateTable timestreamwrite:DeleteTable`,
	} {
		for _, operation := range strings.Fields(operations) {
			quotas[operation] = perSecond
		}
	}
	return quotas
}

// over says whether a request is one too many. The server's lock is held.
func (s *Server) over(operation string) bool {
	bucket := operation
	perSecond, limited := s.options.Rates[bucket]
	if !limited {
		service, _, _ := strings.Cut(operation, ":")
		bucket = service + ":*" // shared by all that have no rate of their own
		perSecond = s.options.Rates[bucket]
	}
	if perSecond <= 0 {
		return false
	}
	l := s.limiters[bucket]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(perSecond)))
		s.limiters[bucket] = l
	}
	if l.Allow() {
		return false
	}
	s.refused++
	return true
}
