// Package parameter knows SSM parameters, each a SecureString. It must not know
// what a value means, and never puts one in an error.
package parameter

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// defaultKey is the account's own key, which SSM uses when none is named.
const defaultKey = "alias/aws/ssm"

// Driver implements assembly.Driver for parameters; the ID is the parameter's name.
type Driver struct {
	c *awsapi.Clients
}

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the decrypted value. Description, key and tags take two calls more and are read only before the
// parameter is recorded and for full reads; otherwise Tags is nil, and Diff leaves all three alone.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Parameter], error) {
	out, err := d.c.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: &ref.Name, WithDecryption: aws.Bool(true)})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Parameter]{
		Identity: assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.Parameter.ARN)},
		Owner:    ref.Owner,
		Spec:     spec.Parameter{Value: aws.ToString(out.Parameter.Value)},
	}
	if ref.Brief() {
		return o, nil
	}
	calls, ctx := errgroup.WithContext(ctx)
	calls.Go(func() error { return d.describe(ctx, ref.Name, &o.Spec) })
	calls.Go(func() error {
		tags, err := d.tags(ctx, ref.Name)
		if err != nil {
			return fmt.Errorf("reading its tags: %w", err)
		}
		o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
		return nil
	})
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err) || awsapi.Is(err, "InvalidResourceId"), err)
}

func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	out, err := d.c.SSM().ListTagsForResource(ctx,
		&ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.TagList, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

// describe reads what GetParameter leaves out.
func (d *Driver) describe(ctx context.Context, name string, spec *spec.Parameter) error {
	pages := ssm.NewDescribeParametersPaginator(d.c.SSM().DescribeParameters, &ssm.DescribeParametersInput{
		ParameterFilters: []types.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("Equals"), Values: []string{name}},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading its description: %w", err)
		}
		for _, p := range page.Parameters { // at most one; pages may be empty
			spec.Description = aws.ToString(p.Description)
			spec.KMSKeyID = aws.ToString(p.KeyId)
			if p.Type != types.ParameterTypeSecureString {
				spec.KMSKeyID = kmskey.None
			}
		}
	}
	return nil
}

// Create makes the parameter with its tags. It never overwrites: tags and overwriting exclude each other in one call.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Parameter) (assembly.Identity, error) {
	in := input(ref.Name, want)
	in.Tags = list(ownertag.Tags(ref.Owner, want.Tags))
	_, err := d.c.SSM().PutParameter(ctx, in)
	if awsapi.Is(err, "ParameterAlreadyExists") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	// The put call does not answer with the ARN.
	return assembly.Identity{
		ID:  ref.Name,
		ARN: d.c.ARN("ssm", "parameter/"+strings.TrimPrefix(ref.Name, "/")),
	}, nil
}

// Update writes value, description and key at once, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Parameter],
	want spec.Parameter,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		in := input(ref.Name, want)
		in.Overwrite = aws.Bool(true)
		if _, err := d.c.SSM().PutParameter(ctx, in); err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags,
		func(add map[string]string) error {
			_, err := d.c.SSM().AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
				ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &ref.Name, Tags: list(add),
			})
			return err
		},
		func(drop []string) error {
			_, err := d.c.SSM().RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
				ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &ref.Name, TagKeys: drop,
			})
			return err
		})
}

// Delete removes the parameter with its history.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.SSM().DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names value, description, kms_key_id and tags.
func (d *Driver) Diff(have, want spec.Parameter) []assembly.Change {
	var changes []assembly.Change
	if have.Value != want.Value {
		changes = append(changes, assembly.Change{Field: "value"})
	}
	if have.Tags == nil { // a read of the value alone
		return changes
	}
	if have.Description != want.Description {
		changes = append(changes, assembly.Change{Field: "description"})
	}
	if !kmskey.Same(cmp.Or(have.KMSKeyID, defaultKey), cmp.Or(want.KMSKeyID, defaultKey)) {
		// A parameter in plain text cannot become a SecureString.
		changes = append(changes, assembly.Change{Field: "kms_key_id", Replace: have.KMSKeyID == kmskey.None})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

// input asks for the tier that fits the value: over 4 KB a parameter must be an advanced one.
func input(name string, want spec.Parameter) *ssm.PutParameterInput {
	return &ssm.PutParameterInput{
		Name:        &name,
		Value:       &want.Value,
		Description: &want.Description,
		Type:        types.ParameterTypeSecureString,
		Tier:        types.ParameterTierIntelligentTiering,
		KeyId:       aws.String(cmp.Or(want.KMSKeyID, defaultKey)),
	}
}

func list(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}
