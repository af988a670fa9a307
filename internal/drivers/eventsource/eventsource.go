// Package eventsource knows Lambda event source mappings from a Kinesis stream or an SQS queue.
// It must not know what is in them.
package eventsource

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// forever is the API's number for retries and ages without a bound [AWS 5].
const forever = -1

// Driver implements assembly.Driver and assembly.Waiter for event source mappings; the ID is the mapping's UUID. AWS
// gives mappings no names: the reference's is "source|function".
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the mapping by its UUID, or else looks for one between the source and the function; its tags only
// before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.EventSource], error) {
	m, err := d.find(ctx, ref)
	if m == nil || err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.EventSource]{
		Identity: assembly.Identity{ID: aws.ToString(m.UUID), ARN: aws.ToString(m.EventSourceMappingArn)},
		Owner:    ref.Owner,
		Spec:     specOf(m),
	}
	if ref.Brief() {
		return o, nil
	}
	tags, err := d.tags(ctx, o.ARN)
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
	return o, nil
}

// find gives the mapping, or nil when there is none or it is on its way out.
func (d *Driver) find(ctx context.Context, ref assembly.Ref) (*types.EventSourceMappingConfiguration, error) {
	if ref.ID == "" {
		return d.between(ctx, ref.Name)
	}
	out, err := d.c.Lambda().GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &ref.ID})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.State) == stateDeleting {
		return nil, nil
	}
	return &types.EventSourceMappingConfiguration{
		UUID: out.UUID, EventSourceMappingArn: out.EventSourceMappingArn, State: out.State,
		EventSourceArn: out.EventSourceArn, FunctionArn: out.FunctionArn,
		BatchSize: out.BatchSize, MaximumBatchingWindowInSeconds: out.MaximumBatchingWindowInSeconds,
		ParallelizationFactor: out.ParallelizationFactor, MaximumRetryAttempts: out.MaximumRetryAttempts,
		MaximumRecordAgeInSeconds: out.MaximumRecordAgeInSeconds, DestinationConfig: out.DestinationConfig,
		BisectBatchOnFunctionError: out.BisectBatchOnFunctionError, FunctionResponseTypes: out.FunctionResponseTypes,
		TumblingWindowInSeconds: out.TumblingWindowInSeconds, MetricsConfig: out.MetricsConfig,
		ScalingConfig: out.ScalingConfig,
	}, nil
}

// between looks for the mapping from a stream or a queue to a function; AWS allows one.
func (d *Driver) between(ctx context.Context, name string) (*types.EventSourceMappingConfiguration, error) {
	source, function, _ := strings.Cut(name, "|")
	pages := lambda.NewListEventSourceMappingsPaginator(d.c.Lambda().ListEventSourceMappings,
		&lambda.ListEventSourceMappingsInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) { // there is no such function
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, m := range page.EventSourceMappings {
			if isSource(aws.ToString(m.EventSourceArn), source) && aws.ToString(m.State) != stateDeleting {
				return &m, nil
			}
		}
	}
	return nil, nil
}

// isSource reports whether an ARN is that of the stream or the queue of a name.
func isSource(arn, name string) bool {
	return strings.HasSuffix(arn, ":stream/"+name) || strings.Contains(arn, ":sqs:") && strings.HasSuffix(arn, ":"+name)
}

// Create makes the mapping with its tags; of a stream from the oldest record that it still has.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.EventSource) (assembly.Identity, error) {
	var out *lambda.CreateEventSourceMappingOutput
	in := &lambda.CreateEventSourceMappingInput{
		EventSourceArn:                 &want.SourceARN,
		FunctionName:                   &want.FunctionName,
		BatchSize:                      &want.BatchSize,
		MaximumBatchingWindowInSeconds: &want.BatchWindowSeconds,
		FunctionResponseTypes:          responseTypes(want),
		MetricsConfig:                  eventCounts(want),
		Tags:                           ownertag.Tags(ref.Owner, want.Tags),
	}
	if want.OfQueue() {
		in.ScalingConfig = scaling(want)
	} else {
		in.StartingPosition = types.EventSourcePositionTrimHorizon
		in.ParallelizationFactor, in.MaximumRetryAttempts = &want.ParallelizationFactor, &want.MaxRetries
		in.MaximumRecordAgeInSeconds, in.BisectBatchOnFunctionError = &want.MaxRecordAgeSeconds, &want.Bisect
		in.DestinationConfig, in.TumblingWindowInSeconds = destination(want), window(want)
	}
	err := d.retry(ctx, "waiting until Lambda may read the source", func(ctx context.Context) (err error) {
		out, err = d.c.Lambda().CreateEventSourceMapping(ctx, in)
		return err
	})
	if awsapi.Is(err, "ResourceConflictException") && awsapi.MessageHas(err, "exist") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: aws.ToString(out.UUID), ARN: aws.ToString(out.EventSourceMappingArn)}, nil
}

// Update writes all settings at once, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.EventSource],
	want spec.EventSource,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		in := &lambda.UpdateEventSourceMappingInput{
			UUID:                           &have.ID,
			FunctionName:                   &want.FunctionName,
			Enabled:                        aws.Bool(true),
			BatchSize:                      &want.BatchSize,
			MaximumBatchingWindowInSeconds: &want.BatchWindowSeconds,
			FunctionResponseTypes:          responseTypes(want),
			MetricsConfig:                  eventCounts(want),
		}
		if want.OfQueue() {
			in.ScalingConfig = scaling(want)
		} else {
			in.ParallelizationFactor, in.MaximumRetryAttempts = &want.ParallelizationFactor, &want.MaxRetries
			in.MaximumRecordAgeInSeconds, in.BisectBatchOnFunctionError = &want.MaxRecordAgeSeconds, &want.Bisect
			in.DestinationConfig, in.TumblingWindowInSeconds = destination(want), &want.TumblingWindowSeconds
		}
		err := d.retry(ctx, "waiting until the mapping takes a change", func(ctx context.Context) error {
			_, err := d.c.Lambda().UpdateEventSourceMapping(ctx, in)
			return err
		})
		if err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags,
		func(add map[string]string) error {
			_, err := d.c.Lambda().TagResource(ctx, &lambda.TagResourceInput{Resource: &have.ARN, Tags: add})
			return err
		},
		func(drop []string) error {
			_, err := d.c.Lambda().UntagResource(ctx, &lambda.UntagResourceInput{Resource: &have.ARN, TagKeys: drop})
			return err
		})
}

// destination is never nil: an empty one takes the old one away.
func destination(want spec.EventSource) *types.DestinationConfig {
	d := &types.DestinationConfig{OnFailure: &types.OnFailure{}}
	if want.OnFailureARN != "" {
		d.OnFailure.Destination = &want.OnFailureARN
	}
	return d
}

// responseTypes is never nil: an empty list takes the old one away.
func responseTypes(want spec.EventSource) []types.FunctionResponseType {
	if want.PartialResponses {
		return []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
	}
	return []types.FunctionResponseType{}
}

// eventCounts is never nil: an empty list takes the metrics away.
func eventCounts(want spec.EventSource) *types.EventSourceMappingMetricsConfig {
	if want.CountsEvents {
		return &types.EventSourceMappingMetricsConfig{
			Metrics: []types.EventSourceMappingMetric{types.EventSourceMappingMetricEventCount},
		}
	}
	return &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{}}
}

// scaling is never nil: an empty one takes the limit away.
func scaling(want spec.EventSource) *types.ScalingConfig {
	if want.MaxConcurrency == 0 {
		return &types.ScalingConfig{}
	}
	return &types.ScalingConfig{MaximumConcurrency: &want.MaxConcurrency}
}

// window leaves out what a new mapping does not have.
func window(want spec.EventSource) *int32 {
	if want.TumblingWindowSeconds == 0 {
		return nil
	}
	return &want.TumblingWindowSeconds
}

func specOf(m *types.EventSourceMappingConfiguration) spec.EventSource {
	s := spec.EventSource{
		SourceARN:          aws.ToString(m.EventSourceArn),
		FunctionARN:        aws.ToString(m.FunctionArn),
		FunctionName:       aws.ToString(m.FunctionArn)[strings.LastIndex(aws.ToString(m.FunctionArn), ":")+1:],
		BatchSize:          aws.ToInt32(m.BatchSize),
		BatchWindowSeconds: aws.ToInt32(m.MaximumBatchingWindowInSeconds),
		Disabled:           strings.HasPrefix(aws.ToString(m.State), "Disabl"),
		PartialResponses: slices.Contains(m.FunctionResponseTypes,
			types.FunctionResponseTypeReportBatchItemFailures),
		CountsEvents: m.MetricsConfig != nil &&
			slices.Contains(m.MetricsConfig.Metrics, types.EventSourceMappingMetricEventCount),
	}
	if !s.OfQueue() {
		readStream(&s, m)
	} else if c := m.ScalingConfig; c != nil {
		s.MaxConcurrency = aws.ToInt32(c.MaximumConcurrency)
	}
	return s
}

// readStream reads what only mappings of streams have. What AWS leaves out has its documented default [AWS 5].
func readStream(s *spec.EventSource, m *types.EventSourceMappingConfiguration) {
	s.ParallelizationFactor, s.MaxRetries, s.MaxRecordAgeSeconds = 1, forever, forever
	s.TumblingWindowSeconds = aws.ToInt32(m.TumblingWindowInSeconds)
	s.Bisect = aws.ToBool(m.BisectBatchOnFunctionError)
	if m.ParallelizationFactor != nil {
		s.ParallelizationFactor = *m.ParallelizationFactor
	}
	if m.MaximumRetryAttempts != nil {
		s.MaxRetries = *m.MaximumRetryAttempts
	}
	if m.MaximumRecordAgeInSeconds != nil {
		s.MaxRecordAgeSeconds = *m.MaximumRecordAgeInSeconds
	}
	if m.DestinationConfig != nil && m.DestinationConfig.OnFailure != nil {
		s.OnFailureARN = aws.ToString(m.DestinationConfig.OnFailure.Destination)
	}
}

// Owner implements [assembly.OwnerReader] with one call for a recorded mapping.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	if ref.ID == "" {
		m, err := d.between(ctx, ref.Name)
		if m == nil || err != nil {
			return "", false, err
		}
		ref.ID = aws.ToString(m.UUID)
	}
	tags, err := d.tags(ctx, d.c.ARN("lambda", "event-source-mapping:"+ref.ID))
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := d.c.Lambda().ListTags(ctx, &lambda.ListTagsInput{Resource: &arn})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true} }

// Diff names source (a replacement), function, enabled, partial_batches, the settings by their names, on_failure,
// max_concurrency, event_counts and tags.
func (d *Driver) Diff(have, want spec.EventSource) []assembly.Change {
	var changes []assembly.Change
	if have.SourceARN != want.SourceARN {
		changes = append(changes, assembly.Change{Field: "source", Replace: true})
	}
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add(have.FunctionName != want.FunctionName, "function")
	add(have.Disabled, "enabled")
	add(have.Bisect != want.Bisect || have.PartialResponses != want.PartialResponses, "partial_batches")
	add(have.TumblingWindowSeconds != want.TumblingWindowSeconds, "tumbling_window_seconds")
	add(have.BatchSize != want.BatchSize, "batch_size")
	add(have.BatchWindowSeconds != want.BatchWindowSeconds, "batch_window_seconds")
	add(have.ParallelizationFactor != want.ParallelizationFactor, "parallelization_factor")
	add(have.MaxRetries != want.MaxRetries, "max_retries")
	add(have.MaxRecordAgeSeconds != want.MaxRecordAgeSeconds, "max_record_age_seconds")
	add(have.OnFailureARN != want.OnFailureARN, "on_failure")
	add(have.MaxConcurrency != want.MaxConcurrency, "max_concurrency")
	add(have.CountsEvents != want.CountsEvents, "event_counts")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}
