// Package workgroup is the driver of Athena workgroups that enforce their settings. It must not know what is queried.
package workgroup

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes workgroups. Ref.ID is the workgroup's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Absent reports whether Athena says that a workgroup or a query does not exist. It has one code for whatever it
// refuses.
func Absent(err error) bool {
	return awsapi.IsNotFound(err) || awsapi.Is(err, "InvalidRequestException") &&
		awsapi.MessageHas(err, "not found", "does not exist")
}

// Observe reads a workgroup; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Workgroup], error) {
	out, err := d.c.Athena().GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &ref.Name})
	if Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Workgroup]{Identity: d.identity(ref.Name), Spec: d.specOf(out.WorkGroup)}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	tags, err := d.tags(ctx, o.ARN)
	if Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
	return o, nil
}

func (d *Driver) identity(name string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("athena", "workgroup/"+name)}
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, d.identity(ref.Name).ARN)
	return ownertag.Owner(tags, Absent(err), err)
}

// tags reads the tags of a workgroup, during a pass once also for the queries in it.
func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	return assembly.Shared(ctx, "tags of workgroup "+arn,
		func(ctx context.Context) (map[string]string, error) { return d.listTags(ctx, arn) })
}

func (d *Driver) listTags(ctx context.Context, arn string) (map[string]string, error) {
	var all []types.Tag
	pages := athena.NewListTagsForResourcePaginator(d.c.Athena().ListTagsForResource,
		&athena.ListTagsForResourceInput{ResourceARN: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Tags...)
	}
	return ownertag.Map(all, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

func (d *Driver) specOf(w *types.WorkGroup) spec.Workgroup {
	s := spec.Workgroup{Description: aws.ToString(w.Description)}
	departs := func(setting string, differs bool) {
		if differs {
			s.Departs = append(s.Departs, setting)
		}
	}
	departs("state", w.State == types.WorkGroupStateDisabled)
	settings := w.Configuration
	if settings == nil {
		settings = &types.WorkGroupConfiguration{}
	}
	s.ScanLimitBytes = aws.ToInt64(settings.BytesScannedCutoffPerQuery)
	departs("enforcement", !aws.ToBool(settings.EnforceWorkGroupConfiguration))
	departs("metrics", !aws.ToBool(settings.PublishCloudWatchMetricsEnabled))
	departs("requester_pays", aws.ToBool(settings.RequesterPaysEnabled))
	results := settings.ResultConfiguration
	if results == nil {
		results = &types.ResultConfiguration{}
	}
	s.OutputLocation = aws.ToString(results.OutputLocation)
	departs("bucket_owner", aws.ToString(results.ExpectedBucketOwner) != d.c.AccountID())
	s.KMSKeyID = kmskey.None
	if encryption := results.EncryptionConfiguration; encryption != nil {
		switch encryption.EncryptionOption {
		case types.EncryptionOptionSseS3:
			s.KMSKeyID = ""
		case types.EncryptionOptionSseKms:
			s.KMSKeyID = aws.ToString(encryption.KmsKey)
		}
	}
	return s
}

// Create makes the workgroup with its tags in one call.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Workgroup) (assembly.Identity, error) {
	in := &athena.CreateWorkGroupInput{
		Name: &ref.Name, Description: &want.Description, Tags: newTags(ownertag.Tags(ref.Owner, want.Tags)),
		Configuration: &types.WorkGroupConfiguration{
			EnforceWorkGroupConfiguration:   aws.Bool(true),
			PublishCloudWatchMetricsEnabled: aws.Bool(true),
			RequesterPaysEnabled:            aws.Bool(false),
			BytesScannedCutoffPerQuery:      &want.ScanLimitBytes,
			ResultConfiguration: &types.ResultConfiguration{OutputLocation: &want.OutputLocation,
				ExpectedBucketOwner: aws.String(d.c.AccountID()), EncryptionConfiguration: encryption(want)},
		},
	}
	_, err := d.c.Athena().CreateWorkGroup(ctx, in)
	if awsapi.Is(err, "InvalidRequestException") && awsapi.MessageHas(err, "already") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name), nil
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

func encryption(want spec.Workgroup) *types.EncryptionConfiguration {
	if want.KMSKeyID == "" {
		return &types.EncryptionConfiguration{EncryptionOption: types.EncryptionOptionSseS3}
	}
	return &types.EncryptionConfiguration{EncryptionOption: types.EncryptionOptionSseKms, KmsKey: &want.KMSKeyID}
}

// Update writes all settings with one call, and the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Workgroup],
	want spec.Workgroup,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		if err := d.configure(ctx, ref.Name, want); err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
		_, err := d.c.Athena().TagResource(ctx, &athena.TagResourceInput{ResourceARN: &have.ARN, Tags: newTags(set)})
		return err
	}, func(keys []string) error {
		_, err := d.c.Athena().UntagResource(ctx, &athena.UntagResourceInput{ResourceARN: &have.ARN, TagKeys: keys})
		return err
	})
}

func (d *Driver) configure(ctx context.Context, name string, want spec.Workgroup) error {
	_, err := d.c.Athena().UpdateWorkGroup(ctx, &athena.UpdateWorkGroupInput{
		WorkGroup: &name, Description: &want.Description, State: types.WorkGroupStateEnabled,
		ConfigurationUpdates: &types.WorkGroupConfigurationUpdates{
			EnforceWorkGroupConfiguration:   aws.Bool(true),
			PublishCloudWatchMetricsEnabled: aws.Bool(true),
			RequesterPaysEnabled:            aws.Bool(false),
			BytesScannedCutoffPerQuery:      &want.ScanLimitBytes,
			ResultConfigurationUpdates: &types.ResultConfigurationUpdates{OutputLocation: &want.OutputLocation,
				ExpectedBucketOwner: aws.String(d.c.AccountID()), EncryptionConfiguration: encryption(want)},
		},
	})
	return err
}

// Delete removes the workgroup with its history and whatever queries are saved in it.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.Athena().DeleteWorkGroup(ctx,
		&athena.DeleteWorkGroupInput{WorkGroup: &ref.Name, RecursiveDeleteOption: aws.Bool(true)})
	if Absent(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names the fixed settings that differ after those that are wanted.
func (*Driver) Diff(have, want spec.Workgroup) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("description", have.Description != want.Description)
	add("output_location", have.OutputLocation != want.OutputLocation)
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID))
	add("scan_limit", have.ScanLimitBytes != want.ScanLimitBytes)
	for _, setting := range have.Departs {
		add(setting, true)
	}
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}
