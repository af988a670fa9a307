package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lambdahost"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/schedules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// deployment is the deployed configuration at one moment.
type deployment struct {
	rules      []rules.Rule
	functions  []function
	mappings   []streams.Mapping
	deliveries []delivery.Config
	schedules  []schedules.Schedule
	alarms     []cloudwatchtypes.MetricAlarm
	hasAPI     bool
	api        *httpapi.API // nil also if it is not served
	template   string       // for devices that register themselves; "" when they cannot
}

// function is a deployed function and the retry settings of its asynchronous invocations.
type function struct {
	config *lambdatypes.FunctionConfiguration
	async  lambdahost.AsyncConfig
}

// discover reads the pipeline's rules, functions, event source mappings and delivery streams. It reads the manifest
// every time, since the pipeline may have gained parts.
func (r *Runtime) discover(ctx context.Context) (*deployment, error) {
	m, err := ReadManifest(ctx, r.clients, r.options.Pipeline)
	if err != nil {
		return nil, err
	}
	d := &deployment{template: m.Parts[contract.KeyProvisioningTemplate], hasAPI: m.HasAPI()}
	if d.rules, err = r.discoverRules(ctx, m); err != nil {
		return nil, fmt.Errorf("reading topic rules: %w", err)
	}
	if d.functions, err = r.discoverFunctions(ctx, m); err != nil {
		return nil, fmt.Errorf("reading functions: %w", err)
	}
	for _, f := range d.functions {
		mappings, err := r.discoverMappings(ctx, *f.config.FunctionName)
		if err != nil {
			return nil, fmt.Errorf("reading event source mappings of %q: %w", *f.config.FunctionName, err)
		}
		d.mappings = append(d.mappings, mappings...)
	}
	if d.schedules, err = r.discoverSchedules(ctx, m); err != nil {
		return nil, fmt.Errorf("reading schedules: %w", err)
	}
	if d.alarms, err = r.discoverAlarms(ctx, m); err != nil {
		return nil, fmt.Errorf("reading alarms: %w", err)
	}
	if d.api, err = r.discoverAPI(ctx, m); err != nil {
		return nil, fmt.Errorf("reading the HTTP API: %w", err)
	}
	if d.deliveries, err = r.discoverDeliveries(ctx, m); err != nil {
		return nil, fmt.Errorf("reading delivery streams: %w", err)
	}
	return d, nil
}

func (r *Runtime) discoverRules(ctx context.Context, m *Manifest) ([]rules.Rule, error) {
	prefix := contract.RuleName(m.Name, "")
	var all []rules.Rule
	pages := iot.NewListTopicRulesPaginator(r.clients.IoT(), &iot.ListTopicRulesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Rules {
			if !m.has(contract.KeyRulePrefix, *item.RuleName, prefix) {
				continue
			}
			out, err := r.clients.IoT().GetTopicRule(ctx, &iot.GetTopicRuleInput{RuleName: item.RuleName})
			if errors.As(err, new(*iottypes.UnauthorizedException)) {
				continue // deleted meanwhile [AWS 1.2]
			}
			if err != nil {
				return nil, err
			}
			all = append(all, *out.Rule)
		}
	}
	slices.SortFunc(all, func(a, b rules.Rule) int { return strings.Compare(*a.RuleName, *b.RuleName) })
	return all, nil
}

func (r *Runtime) discoverFunctions(ctx context.Context, m *Manifest) ([]function, error) {
	var all []function
	pages := lambda.NewListFunctionsPaginator(r.clients.Lambda(), &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, config := range page.Functions {
			if !m.has(contract.KeyFunctionPrefix, *config.FunctionName, m.Name+"-") {
				continue
			}
			async, err := r.discoverAsync(ctx, *config.FunctionName)
			if err != nil {
				return nil, err
			}
			all = append(all, function{&config, async})
		}
	}
	return all, nil
}

// discoverAsync reads the retry settings of asynchronous invocations; the defaults are Lambda's.
func (r *Runtime) discoverAsync(ctx context.Context, name string) (lambdahost.AsyncConfig, error) {
	c := lambdahost.AsyncConfig{Retries: 2, MaxAge: 6 * time.Hour}
	out, err := r.clients.Lambda().GetFunctionEventInvokeConfig(ctx,
		&lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	if errors.As(err, new(*lambdatypes.ResourceNotFoundException)) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if out.MaximumRetryAttempts != nil {
		c.Retries = int(*out.MaximumRetryAttempts)
	}
	if out.MaximumEventAgeInSeconds != nil {
		c.MaxAge = time.Duration(*out.MaximumEventAgeInSeconds) * time.Second
	}
	if out.DestinationConfig != nil && out.DestinationConfig.OnFailure != nil {
		c.OnFailure = aws.ToString(out.DestinationConfig.OnFailure.Destination)
	}
	return c, nil
}

func (r *Runtime) discoverMappings(ctx context.Context, name string) ([]streams.Mapping, error) {
	var all []streams.Mapping
	pages := lambda.NewListEventSourceMappingsPaginator(r.clients.Lambda(),
		&lambda.ListEventSourceMappingsInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range page.EventSourceMappings {
			state := aws.ToString(c.State)
			if strings.Contains(aws.ToString(c.EventSourceArn), ":kinesis:") &&
				(state == "Enabled" || state == "Enabling" || state == "Updating" || state == "Creating") {
				all = append(all, mapping(c, name))
			}
		}
	}
	return all, nil
}

// mapping converts Lambda's configuration; the defaults are Lambda's. [AWS 5]
func mapping(c lambdatypes.EventSourceMappingConfiguration, name string) streams.Mapping {
	m := streams.Mapping{
		UUID:            *c.UUID,
		StreamARN:       *c.EventSourceArn,
		Function:        name,
		FunctionARN:     aws.ToString(c.FunctionArn),
		BatchSize:       100,
		Window:          time.Duration(aws.ToInt32(c.MaximumBatchingWindowInSeconds)) * time.Second,
		TumblingWindow:  time.Duration(aws.ToInt32(c.TumblingWindowInSeconds)) * time.Second,
		Parallelization: int(aws.ToInt32(c.ParallelizationFactor)),
		Start: streams.Position{
			Kind: string(c.StartingPosition),
			Time: aws.ToTime(c.StartingPositionTimestamp),
		},
		MaxRetries: -1,
		Bisect:     aws.ToBool(c.BisectBatchOnFunctionError),
		ReportFailures: slices.Contains(c.FunctionResponseTypes,
			lambdatypes.FunctionResponseTypeReportBatchItemFailures),
	}
	if c.BatchSize != nil {
		m.BatchSize = int(*c.BatchSize)
	}
	if c.MaximumRetryAttempts != nil {
		m.MaxRetries = int(*c.MaximumRetryAttempts)
	}
	if c.MaximumRecordAgeInSeconds != nil {
		m.MaxAge = max(0, time.Duration(*c.MaximumRecordAgeInSeconds)*time.Second)
	}
	if c.FilterCriteria != nil {
		for _, f := range c.FilterCriteria.Filters {
			m.Filters = append(m.Filters, *f.Pattern)
		}
	}
	if c.DestinationConfig != nil && c.DestinationConfig.OnFailure != nil {
		m.OnFailure = aws.ToString(c.DestinationConfig.OnFailure.Destination)
	}
	return m
}

// sameJSON compares SDK values without their unexported fields.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
