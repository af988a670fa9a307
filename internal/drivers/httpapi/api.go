// Package httpapi is the driver of HTTP APIs of API Gateway, without their routes and stages. It must not know what an
// API is for.
package httpapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Limit bounds the wait until API Gateway takes a change. It creates an API every three seconds and deletes one every
// thirty, for all of an account ["Amazon API Gateway quotas"].
const Limit = 5 * time.Minute

// Driver reads and writes HTTP APIs. Ref.ID is the API's ID, which AWS assigns.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Once sends a request that must not be sent again by the SDK: API Gateway knows no client tokens, so a repeated
// creation makes a second object.
func Once(o *apigatewayv2.Options) { o.RetryMaxAttempts = 1 }

// Busy reports whether API Gateway refuses a change because another one of the API is under way.
func Busy(err error) bool {
	return awsapi.Is(err, "ConflictException") && awsapi.MessageHas(err, "concurrent modification")
}

// Passes reports whether what was sent with Once may be tried again: Busy, and whatever the SDK would repeat.
func Passes(err error) bool { return Busy(err) || retry.NewStandard().IsErrorRetryable(err) }

// Observe reads an API with one call by its ID, or looks for it among all by name and owner.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.HTTPAPI], error) {
	if ref.ID == "" {
		return d.find(ctx, ref)
	}
	out, err := d.c.APIGateway().GetApi(ctx, &apigatewayv2.GetApiInput{ApiId: &ref.ID})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.observed(types.Api{ApiId: out.ApiId, ApiEndpoint: out.ApiEndpoint, Description: out.Description,
		CorsConfiguration: out.CorsConfiguration, DisableExecuteApiEndpoint: out.DisableExecuteApiEndpoint,
		Tags: out.Tags}), nil
}

func (d *Driver) find(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.HTTPAPI], error) {
	api, err := Find(ctx, d.c, ref.Name, ref.Owner)
	if err != nil || api == nil {
		return nil, err
	}
	return d.observed(*api), nil
}

// Find gives the API that has the name and the owner token, the one with the lowest ID if there are several, or nil.
func Find(ctx context.Context, c *awsapi.Clients, name, owner string) (*types.Api, error) {
	var found *types.Api
	in := &apigatewayv2.GetApisInput{}
	for {
		page, err := c.APIGateway().GetApis(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, api := range page.Items {
			ours := aws.ToString(api.Name) == name && owner != "" && api.Tags[spec.OwnerTag] == owner
			if ours && (found == nil || *api.ApiId < *found.ApiId) {
				found = &api
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

func (d *Driver) observed(api types.Api) *assembly.Observed[spec.HTTPAPI] {
	s := spec.HTTPAPI{Description: aws.ToString(api.Description)}
	if aws.ToBool(api.DisableExecuteApiEndpoint) {
		s.Departs = append(s.Departs, "endpoint")
	}
	if c := api.CorsConfiguration; c != nil {
		s.CORS = &spec.CORS{Origins: sorted(c.AllowOrigins), Methods: sorted(c.AllowMethods),
			RequestHeaders: sorted(c.AllowHeaders), ResponseHeaders: sorted(c.ExposeHeaders),
			MaxAgeSeconds: aws.ToInt32(c.MaxAge)}
		if aws.ToBool(c.AllowCredentials) {
			s.Departs = append(s.Departs, "cors_credentials")
		}
	}
	o := &assembly.Observed[spec.HTTPAPI]{Identity: d.identity(api.ApiId, api.ApiEndpoint), Spec: s}
	o.Owner, o.Spec.Tags = ownertag.Split(api.Tags, d.c.IgnoresTag)
	return o
}

func (d *Driver) identity(id, endpoint *string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(id), ARN: ARN(d.c, aws.ToString(id)),
		Outputs: map[string]string{spec.HTTPAPIEndpointOutput: aws.ToString(endpoint)}}
}

// ARN is the ARN by which API Gateway manages an API; it names no account.
func ARN(c *awsapi.Clients, id string) string {
	return "arn:" + c.Partition() + ":apigateway:" + c.Region() + "::/apis/" + id
}

// Create makes the API with its tags. It looks for one of ours before each try, since the answer of an earlier one may
// be lost.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.HTTPAPI) (assembly.Identity, error) {
	in := &apigatewayv2.CreateApiInput{
		Name: &ref.Name, ProtocolType: types.ProtocolTypeHttp, Description: &want.Description,
		Tags: ownertag.Tags(ref.Owner, want.Tags), CorsConfiguration: cors(want.CORS),
	}
	ref.ID = ""
	var id assembly.Identity
	var found *assembly.Observed[spec.HTTPAPI]
	err := d.c.Retry(ctx, "waiting until API Gateway creates the API", Limit, Passes, func(ctx context.Context) error {
		have, err := d.find(ctx, ref)
		if found = have; err != nil || have != nil {
			return err
		}
		out, err := d.c.APIGateway().CreateApi(ctx, in, Once)
		if err == nil {
			id = d.identity(out.ApiId, out.ApiEndpoint)
		}
		return err
	})
	if err != nil || found == nil {
		return id, err
	}
	return d.Update(ctx, ref, found, want, d.Diff(found.Spec, want))
}

// Update writes all settings with one call, removes CORS with another, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.HTTPAPI],
	want spec.HTTPAPI,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		if err := d.configure(ctx, have, want); err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	return have.Identity, Retag(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
}

func (d *Driver) configure(ctx context.Context, have *assembly.Observed[spec.HTTPAPI], want spec.HTTPAPI) error {
	return d.c.Retry(ctx, "waiting for an earlier change of the API", Limit, Busy, func(ctx context.Context) error {
		if have.Spec.CORS != nil && want.CORS == nil {
			_, err := d.c.APIGateway().DeleteCorsConfiguration(ctx,
				&apigatewayv2.DeleteCorsConfigurationInput{ApiId: &have.ID})
			if err != nil {
				return err
			}
		}
		_, err := d.c.APIGateway().UpdateApi(ctx, &apigatewayv2.UpdateApiInput{ApiId: &have.ID,
			Description: &want.Description, DisableExecuteApiEndpoint: aws.Bool(false),
			CorsConfiguration: cors(want.CORS)})
		return err
	})
}

// Retag writes a change of the tags of an API or a stage.
func Retag(ctx context.Context, c *awsapi.Clients, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want, func(set map[string]string) error {
		_, err := c.APIGateway().TagResource(ctx, &apigatewayv2.TagResourceInput{ResourceArn: &arn, Tags: set})
		return err
	}, func(keys []string) error {
		_, err := c.APIGateway().UntagResource(ctx, &apigatewayv2.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
		return err
	})
}

func cors(want *spec.CORS) *types.Cors {
	if want == nil {
		return nil
	}
	return &types.Cors{AllowCredentials: aws.Bool(false), AllowOrigins: want.Origins, AllowMethods: want.Methods,
		AllowHeaders: want.RequestHeaders, ExposeHeaders: want.ResponseHeaders, MaxAge: &want.MaxAgeSeconds}
}

// Delete removes the API with all that is in it.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.c.Retry(ctx, "waiting until API Gateway deletes the API", Limit, Busy, func(ctx context.Context) error {
		_, err := d.c.APIGateway().DeleteApi(ctx, &apigatewayv2.DeleteApiInput{ApiId: &ref.ID})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true, Outputs: true} }

// Diff names description, cors, the fixed settings that differ, and tags.
func (*Driver) Diff(have, want spec.HTTPAPI) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("description", have.Description != want.Description)
	add("cors_origins", !sameCORS(have.CORS, want.CORS))
	for _, setting := range have.Departs {
		add(setting, true)
	}
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}

// sameCORS compares; header names and methods have no case.
func sameCORS(a, b *spec.CORS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Origins, b.Origins) && slices.EqualFunc(a.Methods, b.Methods, strings.EqualFold) &&
		slices.EqualFunc(a.RequestHeaders, b.RequestHeaders, strings.EqualFold) &&
		slices.EqualFunc(a.ResponseHeaders, b.ResponseHeaders, strings.EqualFold) && a.MaxAgeSeconds == b.MaxAgeSeconds
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
