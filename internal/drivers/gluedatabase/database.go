// Package gluedatabase is the driver of databases of the account's Glue catalog. It must not know what their tables
// hold.
package gluedatabase

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// conflictTimeout bounds the wait until another change of the database is done.
const conflictTimeout = time.Minute

// Driver reads and writes databases. Ref.ID is the database's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a database; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.GlueDatabase], error) {
	out, err := d.c.Glue().GetDatabase(ctx, &glue.GetDatabaseInput{Name: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.GlueDatabase]{
		Identity: d.identity(ref.Name),
		Spec:     spec.GlueDatabase{Description: aws.ToString(out.Database.Description)},
		Extra:    out.Database,
	}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	tags, err := d.tags(ctx, ref.Name)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	arn := d.identity(name).ARN
	out, err := d.c.Glue().GetTags(ctx, &glue.GetTagsInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

func (d *Driver) identity(name string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("glue", "database/"+name)}
}

// Create makes the database with its tags in one call.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.GlueDatabase) (assembly.Identity, error) {
	_, err := d.c.Glue().CreateDatabase(ctx, &glue.CreateDatabaseInput{
		DatabaseInput: &types.DatabaseInput{Name: &ref.Name, Description: &want.Description},
		Tags:          ownertag.Tags(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "AlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name), nil
}

// Update changes the description and the tags. What others have set of the database, such as Lake Formation's default
// permissions, stays: UpdateDatabase replaces it all.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.GlueDatabase],
	want spec.GlueDatabase,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		var err error
		switch c.Field {
		case "description":
			err = d.describe(ctx, ref.Name, have, want)
		case "tags":
			err = d.retag(ctx, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

func (d *Driver) describe(
	ctx context.Context,
	name string,
	have *assembly.Observed[spec.GlueDatabase],
	want spec.GlueDatabase,
) error {
	in := &types.DatabaseInput{Name: &name, Description: &want.Description}
	if old, ok := have.Extra.(*types.Database); ok {
		in.CreateTableDefaultPermissions, in.Parameters = old.CreateTableDefaultPermissions, old.Parameters
		in.LocationUri = old.LocationUri
	}
	return d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Glue().UpdateDatabase(ctx, &glue.UpdateDatabaseInput{Name: &name, DatabaseInput: in})
		return err
	})
}

func (d *Driver) retag(ctx context.Context, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want, func(set map[string]string) error {
		_, err := d.c.Glue().TagResource(ctx, &glue.TagResourceInput{ResourceArn: &arn, TagsToAdd: set})
		return err
	}, func(keys []string) error {
		_, err := d.c.Glue().UntagResource(ctx, &glue.UntagResourceInput{ResourceArn: &arn, TagsToRemove: keys})
		return err
	})
}

// Delete removes the database and the tables in it, which are descriptions: the data is elsewhere and stays.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Glue().DeleteDatabase(ctx, &glue.DeleteDatabaseInput{Name: &ref.Name})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until another change of the database is done", conflictTimeout,
		func(err error) bool { return awsapi.Is(err, "ConcurrentModificationException") }, call)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names description and tags.
func (*Driver) Diff(have, want spec.GlueDatabase) []assembly.Change {
	var changes []assembly.Change
	if have.Description != want.Description {
		changes = append(changes, assembly.Change{Field: "description"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}
