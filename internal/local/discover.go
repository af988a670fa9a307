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
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/queues"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/schedules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// deployment is the deployed configuration at one moment.
type deployment struct {
	rules      []rules.Rule
	functions  []function
	mappings   []streams.Mapping
	queues     []queues.Mapping
	deliveries []delivery.Config
	schedules  []schedules.Schedule
	alarms     []cloudwatchtypes.MetricAlarm
	pipelines  []string                // names, in order
	withAPI    []string                // names of the pipelines that have an HTTP API, in order
	apis       map[string]*httpapi.API // by the pipeline's name; empty also if none is served
	templates  []string                // for devices that register themselves
}

// function is a deployed function and the retry settings of its asynchronous invocations.
type function struct {
	pipeline string // its name
	config   *lambdatypes.FunctionConfiguration
	async    lambdahost.AsyncConfig
}

// manifests reads the manifest of the pipeline, or those of all pipelines. It does so at every refresh, since pipelines
// come and go, and gain parts. Of all pipelines, one whose manifest cannot be read stays as it was.
func (r *Runtime) manifests(ctx context.Context) ([]*Manifest, error) {
	if !r.options.All {
		m, err := ReadManifest(ctx, r.clients, r.options.Pipeline)
		return []*Manifest{m}, err
	}
	names, err := Pipelines(ctx, r.clients)
	if err != nil {
		return nil, err
	}
	var all []*Manifest
	known := make(map[string]*Manifest, len(names))
	for _, name := range names {
		m, err := ReadManifest(ctx, r.clients, name)
		if errors.Is(err, ErrNotDeployed) {
			continue // destroyed meanwhile
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.report("pipeline "+name, err)
		if err != nil {
			m = r.known[name]
		}
		if m != nil {
			all, known[name] = append(all, m), m
		}
	}
	r.known = known
	return all, nil
}

// discover reads the rules, functions, event source mappings and delivery streams of the pipelines.
func (r *Runtime) discover(ctx context.Context) (*deployment, error) {
	ms, err := r.manifests(ctx)
	if err != nil {
		return nil, err
	}
	d := &deployment{apis: map[string]*httpapi.API{}}
	for _, m := range ms {
		if err := r.discoverOwn(ctx, m, d); err != nil {
			return nil, err
		}
	}
	if d.rules, err = r.discoverRules(ctx, ms); err != nil {
		return nil, fmt.Errorf("reading topic rules: %w", err)
	}
	if d.functions, err = r.discoverFunctions(ctx, ms); err != nil {
		return nil, fmt.Errorf("reading functions: %w", err)
	}
	for _, f := range d.functions {
		if err := r.discoverMappings(ctx, *f.config.FunctionName, d); err != nil {
			return nil, fmt.Errorf("reading event source mappings of %q: %w", *f.config.FunctionName, err)
		}
	}
	if d.deliveries, err = r.discoverDeliveries(ctx, ms); err != nil {
		return nil, fmt.Errorf("reading delivery streams: %w", err)
	}
	return d, nil
}

// discoverOwn adds what the manifest of one pipeline names.
func (r *Runtime) discoverOwn(ctx context.Context, m *Manifest, d *deployment) error {
	d.pipelines = append(d.pipelines, m.Name)
	if template := m.Parts[contract.KeyProvisioningTemplate]; template != "" {
		d.templates = append(d.templates, template)
	}
	planned, err := r.discoverSchedules(ctx, m)
	if err != nil {
		return fmt.Errorf("reading schedules: %w", err)
	}
	d.schedules = append(d.schedules, planned...)
	watching, err := r.discoverAlarms(ctx, m)
	if err != nil {
		return fmt.Errorf("reading alarms: %w", err)
	}
	d.alarms = append(d.alarms, watching...)
	if !m.HasAPI() {
		return nil
	}
	d.withAPI = append(d.withAPI, m.Name)
	api, err := r.discoverAPI(ctx, m)
	if err != nil {
		return fmt.Errorf("reading the HTTP API: %w", err)
	}
	if api != nil {
		d.apis[m.Name] = api
	}
	return nil
}

// ofPipelines returns the pipeline that an object belongs to, or nil; see Manifest.has.
func ofPipelines(ms []*Manifest, keys, name string, prefix func(pipeline string) string) *Manifest {
	for _, m := range ms {
		if m.has(keys, name, prefix(m.Name)) {
			return m
		}
	}
	return nil
}

func (r *Runtime) discoverRules(ctx context.Context, ms []*Manifest) ([]rules.Rule, error) {
	prefix := func(pipeline string) string { return contract.RuleName(pipeline, "") }
	var all []rules.Rule
	pages := iot.NewListTopicRulesPaginator(r.clients.IoT().ListTopicRules, &iot.ListTopicRulesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Rules {
			if ofPipelines(ms, contract.KeyRulePrefix, *item.RuleName, prefix) == nil {
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

func (r *Runtime) discoverFunctions(ctx context.Context, ms []*Manifest) ([]function, error) {
	prefix := func(pipeline string) string { return pipeline + "-" }
	var all []function
	pages := lambda.NewListFunctionsPaginator(r.clients.Lambda().ListFunctions, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, config := range page.Functions {
			m := ofPipelines(ms, contract.KeyFunctionPrefix, *config.FunctionName, prefix)
			if m == nil {
				continue
			}
			async, err := r.discoverAsync(ctx, *config.FunctionName)
			if err != nil {
				return nil, err
			}
			all = append(all, function{m.Name, &config, async})
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

func (r *Runtime) discoverMappings(ctx context.Context, name string, d *deployment) error {
	pages := lambda.NewListEventSourceMappingsPaginator(r.clients.Lambda().ListEventSourceMappings,
		&lambda.ListEventSourceMappingsInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, c := range page.EventSourceMappings {
			if !slices.Contains([]string{"Enabled", "Enabling", "Updating", "Creating"}, aws.ToString(c.State)) {
				continue
			}
			switch source := aws.ToString(c.EventSourceArn); {
			case strings.Contains(source, ":kinesis:"):
				d.mappings = append(d.mappings, mapping(c, name))
			case strings.Contains(source, ":sqs:"):
				d.queues = append(d.queues, queueMapping(c, name))
			}
		}
	}
	return nil
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
