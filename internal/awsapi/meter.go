package awsapi

import (
	"context"
	"maps"
	"math"
	"strings"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// defaultRates are AWS's default quotas in requests per second [AWS 1.1, 6.1, 8]. Where the facts give no sure
// number the lower of the believed ones stands, so that nobody else in the account is starved.
var defaultRates = map[string]float64{
	"iot:CreateThing": 100, "iot:UpdateThing": 100, "iot:DeleteThing": 100, "iot:DescribeThing": 350,
	"iot:AttachThingPrincipal": 100, "iot:DetachThingPrincipal": 100,
	"iot:AddThingToThingGroup": 100, "iot:RemoveThingFromThingGroup": 100, "iot:ListThingGroupsForThing": 100,
	"iot:ListThings": 10, "iot:ListThingPrincipals": 10, "iot:ListThingPrincipalsV2": 10, "iot:ListPrincipalThings": 10,
	"iot:ListPrincipalThingsV2": 10,
	"iot:ListThingGroups":       10, "iot:ListThingTypes": 10, "iot:ListThingsInThingGroup": 25,
	"iot:CreateThingGroup": 25, "iot:UpdateThingGroup": 15, "iot:DeleteThingGroup": 15, "iot:DescribeThingGroup": 100,
	"iot:CreateThingType": 15, "iot:UpdateThingType": 15, "iot:DeprecateThingType": 15, "iot:DeleteThingType": 15,
	"iot:DescribeThingType": 100,
	"iot:TagResource":       10, "iot:UntagResource": 10, "iot:ListTagsForResource": 10,
	"iot:AttachPolicy": 15, "iot:DetachPolicy": 15, "iot:ListAttachedPolicies": 15, "iot:GetPolicyVersion": 15,
	"iot:CreatePolicy": 10, "iot:CreatePolicyVersion": 10, "iot:DeletePolicy": 10, "iot:DeletePolicyVersion": 10,
	"iot:SetDefaultPolicyVersion": 10,
	"iot:ListPolicies":            10, "iot:ListPolicyVersions": 10, "iot:ListTargetsForPolicy": 10,
	"iot:GetPolicy":           10,
	"iot:DescribeCertificate": 10, "iot:RegisterCertificateWithoutCA": 10, "iot:UpdateCertificate": 10,
	"iot:DeleteCertificate": 10,
	"iot:ListCertificates":  10, "iot:RegisterCertificate": 10, "iot:RegisterThing": 10,
	"iot:CreateCertificateFromCsr": 15, "iot:CreateKeysAndCertificate": 10,
	// No number is known for these; assumed are those of the like operations on policies and certificates (C).
	"iot:CreateProvisioningTemplate": 10, "iot:DescribeProvisioningTemplate": 10, "iot:UpdateProvisioningTemplate": 10,
	"iot:DeleteProvisioningTemplate":        10,
	"iot:CreateProvisioningTemplateVersion": 10, "iot:ListProvisioningTemplateVersions": 10,
	"iot:DeleteProvisioningTemplateVersion": 10,
	"iot:ListProvisioningTemplates":         10,
	"iot:RegisterCACertificate":             10, "iot:DescribeCACertificate": 10, "iot:UpdateCACertificate": 10,
	"iot:DeleteCACertificate": 10, "iot:ListCACertificates": 10,
	"iot:CreateTopicRule": 5, "iot:ReplaceTopicRule": 5, "iot:EnableTopicRule": 5, "iot:DisableTopicRule": 5,
	"iot:DeleteTopicRule": 20, "iot:GetTopicRule": 200, "iot:ListTopicRules": 1,
	"iot:SearchIndex": 15, "iot:DescribeIndex": 10, "iot:GetIndexingConfiguration": 20,
	"iot:UpdateIndexingConfiguration": 1,

	// Shadows: 400 for the account in most regions, devices included.
	"iotdata:GetThingShadow": 100, "iotdata:UpdateThingShadow": 100, "iotdata:DeleteThingShadow": 100,

	// EventBridge Scheduler: schedules have far more (from memory, not proven).
	"scheduler:CreateScheduleGroup": 10, "scheduler:DeleteScheduleGroup": 10, "scheduler:GetScheduleGroup": 10,
	"scheduler:ListTagsForResource": 10, "scheduler:TagResource": 1, "scheduler:UntagResource": 1,

	// Assumed are the rates of like operations: AWS's documentation names no numbers (C).
	"iot:CreateRoleAlias": 10, "iot:DescribeRoleAlias": 10, "iot:UpdateRoleAlias": 10, "iot:DeleteRoleAlias": 10,
	"greengrassv2:CreateComponentVersion": 1, "greengrassv2:CreateDeployment": 1, "greengrassv2:*": 10,

	"kinesis:CreateStream": 5, "kinesis:DeleteStream": 5,

	"timestreamwrite:CreateDatabase": 1, "timestreamwrite:UpdateDatabase": 1, "timestreamwrite:DeleteDatabase": 1,
	"timestreamwrite:CreateTable": 1, "timestreamwrite:UpdateTable": 1, "timestreamwrite:DeleteTable": 1,
	"timestreamwrite:DescribeDatabase": 5, "timestreamwrite:DescribeTable": 5, "timestreamwrite:ListDatabases": 5,
	"timestreamwrite:ListTables": 5,

	// The stores of credentials bundles. Secrets Manager documents 50 for these together; for PutParameter AWS's
	// documentation names no number outside its quota console, and 3 is what accounts without higher throughput are
	// known to get (from memory, not proven).
	"ssm:PutParameter": 3, "secretsmanager:CreateSecret": 50, "secretsmanager:UpdateSecret": 50,
	"secretsmanager:DeleteSecret": 50,

	// ["Service quotas" of Tag Editor]
	"resourcegroupstaggingapi:GetResources": 15,

	// API Gateway counts all operations of an account together ["Amazon API Gateway quotas"].
	"apigatewayv2:*": 10,

	// Lambda counts its whole control plane together, but for these [AWS 8].
	"lambda:GetFunction": 100, "lambda:GetPolicy": 15, "lambda:Invoke": 0, "lambda:*": 15,
}

// meter counts requests and holds them within their rates. One serves all services of a region.
type meter struct {
	rates  map[string]float64
	shared *shared

	mu       sync.Mutex
	limiters map[string]*rate.Limiter // a nil entry: no limit
}

func newMeter(o Options, s *shared) *meter {
	rates := map[string]float64{}
	if !o.Unlimited {
		maps.Copy(rates, defaultRates)
	}
	maps.Copy(rates, o.RequestRates)
	return &meter{rates: rates, shared: s, limiters: map[string]*rate.Limiter{}}
}

// limiter gives the token bucket of an operation, or nil when nothing limits it. A bucket holds one second's worth.
func (m *meter) limiter(operation string) *rate.Limiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, perSecond := m.rate(operation)
	if l, ok := m.limiters[key]; ok {
		return l
	}
	var l *rate.Limiter
	if perSecond > 0 {
		l = rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(perSecond)))
	}
	m.limiters[key] = l
	return l
}

// rate gives the requests per second of an operation, 0 or less for no limit, and the name of the bucket that holds
// it to them.
func (m *meter) rate(operation string) (bucket string, perSecond float64) {
	if perSecond, limited := m.rates[operation]; limited {
		return operation, perSecond
	}
	service, _, _ := strings.Cut(operation, ":")
	return service + ":*", m.rates[service+":*"]
}

// forService adds the meter to a client. It stands inside the SDK's retry loop, so that every attempt waits and counts.
func (m *meter) forService(service string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(
			"RequestMeter",
			func(ctx context.Context, in middleware.FinalizeInput,
				next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				operation := service + ":" + awsmiddleware.GetOperationName(ctx)
				if l := m.limiter(operation); l != nil {
					if err := l.Wait(ctx); err != nil {
						return middleware.FinalizeOutput{}, middleware.Metadata{}, err
					}
				}
				m.shared.mu.Lock()
				m.shared.counts[operation]++
				m.shared.mu.Unlock()
				return next.HandleFinalize(ctx, in)
			},
		), "Retry", middleware.After)
	}
}
