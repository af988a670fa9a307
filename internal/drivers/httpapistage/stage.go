// Package httpapistage is the driver of stages of HTTP APIs: throttling, access logs and metrics. It must not know what
// the API does.
package httpapistage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes stages. Ref.ID is "API's ID|stage".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a stage with one call; before it is recorded, it looks for the API first.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.HTTPAPIStage], error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	stage := names[1]
	api, _, recorded := strings.Cut(ref.ID, "|")
	if !recorded {
		found, err := httpapi.Find(ctx, d.c, names[0], ref.Owner)
		if err != nil || found == nil {
			return nil, err
		}
		api = *found.ApiId
	}
	return d.read(ctx, api, stage)
}

func (d *Driver) read(ctx context.Context, api, stage string) (*assembly.Observed[spec.HTTPAPIStage], error) {
	out, err := d.c.APIGateway().GetStage(ctx, &apigatewayv2.GetStageInput{ApiId: &api, StageName: &stage})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := spec.HTTPAPIStage{API: api}
	if l := out.AccessLogSettings; l != nil {
		s.LogGroupARN, s.LogFormat = strings.TrimSuffix(aws.ToString(l.DestinationArn), ":*"), aws.ToString(l.Format)
	}
	settings := out.DefaultRouteSettings
	if settings == nil {
		settings = &types.RouteSettings{}
	}
	s.Rate, s.Burst = aws.ToFloat64(settings.ThrottlingRateLimit), aws.ToInt32(settings.ThrottlingBurstLimit)
	departs := func(setting string, differs bool) {
		if differs {
			s.Departs = append(s.Departs, setting)
		}
	}
	departs("auto_deploy", !aws.ToBool(out.AutoDeploy))
	departs("metrics", !aws.ToBool(settings.DetailedMetricsEnabled))
	departs("route_settings", len(out.RouteSettings) > 0)
	o := &assembly.Observed[spec.HTTPAPIStage]{Identity: d.identity(api, stage), Spec: s,
		Extra: slices.Sorted(maps.Keys(out.RouteSettings))}
	o.Owner, o.Spec.Tags = ownertag.Split(out.Tags, d.c.IgnoresTag)
	return o, nil
}

func (d *Driver) identity(api, stage string) assembly.Identity {
	return assembly.Identity{ID: spec.NameIn(api, stage), ARN: httpapi.ARN(d.c, api) + "/stages/" + stage}
}

// Create makes the stage with its tags. From then on, the API answers.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.HTTPAPIStage) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	in := &apigatewayv2.CreateStageInput{
		ApiId: &want.API, StageName: &names[1], AutoDeploy: aws.Bool(true), AccessLogSettings: logs(want),
		DefaultRouteSettings: throttled(want), Tags: ownertag.Tags(ref.Owner, want.Tags),
	}
	// The API of the record, if there is one, is not the wanted one any more.
	ref.ID = spec.NameIn(want.API, names[1])
	err = d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.APIGateway().CreateStage(ctx, in)
		return err
	})
	if awsapi.Is(err, "ConflictException") && awsapi.MessageHas(err, "already exists") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, denied(err)
	}
	return d.identity(want.API, names[1]), nil
}

func logs(want spec.HTTPAPIStage) *types.AccessLogSettings {
	return &types.AccessLogSettings{DestinationArn: &want.LogGroupARN, Format: &want.LogFormat}
}

func throttled(want spec.HTTPAPIStage) *types.RouteSettings {
	return &types.RouteSettings{DetailedMetricsEnabled: aws.Bool(true), ThrottlingRateLimit: &want.Rate,
		ThrottlingBurstLimit: &want.Burst}
}

// denied says what to allow: API Gateway sets up the delivery of logs with the caller's rights, and its own answer does
// not tell which are missing ["Configure logging for HTTP APIs in API Gateway"].
func denied(err error) error {
	if !awsapi.Is(err, "BadRequestException", "AccessDeniedException") ||
		!awsapi.MessageHas(err, "Insufficient permissions", "logs:", "logging") {
		return err
	}
	return errors.Join(err, errors.New("API Gateway sets up access logs with the rights of whoever applies. Allow "+
		"the actions of the statement LogDelivery in the guide \"Permissions\", and apply again"))
}

// Update writes all settings with one call, removes those of single routes, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.HTTPAPIStage],
	want spec.HTTPAPIStage,
	changes []assembly.Change,
) (assembly.Identity, error) {
	api, stage, _ := strings.Cut(have.ID, "|")
	configured := false
	for _, c := range changes {
		var err error
		switch {
		case c.Field == "tags":
			err = httpapi.Retag(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
		case c.Field == "route_settings":
			err = d.level(ctx, api, stage, have)
		case !configured:
			configured = true
			err = denied(d.retry(ctx, func(ctx context.Context) error {
				_, err := d.c.APIGateway().UpdateStage(ctx, &apigatewayv2.UpdateStageInput{ApiId: &api,
					StageName: &stage, AutoDeploy: aws.Bool(true), AccessLogSettings: logs(want),
					DefaultRouteSettings: throttled(want)})
				return err
			}))
		}
		if err != nil {
			return have.Identity, fmt.Errorf("changing %s: %w", c.Field, err)
		}
	}
	return have.Identity, nil
}

// level removes the settings of single routes.
func (d *Driver) level(ctx context.Context, api, stage string, have *assembly.Observed[spec.HTTPAPIStage]) error {
	keys, _ := have.Extra.([]string)
	for _, key := range keys {
		err := d.retry(ctx, func(ctx context.Context) error {
			_, err := d.c.APIGateway().DeleteRouteSettings(ctx,
				&apigatewayv2.DeleteRouteSettingsInput{ApiId: &api, StageName: &stage, RouteKey: &key})
			return err
		})
		if err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// Delete removes the stage: the API answers no more.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	api, stage, _ := strings.Cut(ref.ID, "|")
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.APIGateway().DeleteStage(ctx, &apigatewayv2.DeleteStageInput{ApiId: &api, StageName: &stage})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until API Gateway takes a change of the stage", httpapi.Limit, httpapi.Busy, call)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true} }

// Diff names access_logs, throttle, the fixed settings that differ, and tags.
func (*Driver) Diff(have, want spec.HTTPAPIStage) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("api", have.API != want.API, true)
	add("access_logs", have.LogGroupARN != want.LogGroupARN || have.LogFormat != want.LogFormat, false)
	add("throttle", have.Rate != want.Rate || have.Burst != want.Burst, false)
	for _, setting := range have.Departs {
		add(setting, true, false)
	}
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags), false)
	return changes
}
