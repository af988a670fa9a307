// Package timestreamdb is the driver of Timestream LiveAnalytics databases, and
// knows whether an account may use that service at all. It must not know what
// is stored in a database.
package timestreamdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// ErrClosed says that the account did not use Timestream LiveAnalytics before
// 2025-06-20, when AWS closed it to new customers [AWS 10].
var ErrClosed = errors.New(
	"this account cannot use Timestream for LiveAnalytics, which AWS closed to new customers on 2025-06-20: " +
		"leave out timestream (the device table and the archive hold the data), or use an account that already has it",
)

// Check asks Timestream for its endpoints, the first call any client makes, and
// returns an error that wraps ErrClosed when the account is refused. A refusal for
// lack of IAM permission is another error, which says so.
func Check(ctx context.Context, c *awsapi.Clients) error {
	_, err := c.TimestreamWrite().DescribeEndpoints(ctx, &timestreamwrite.DescribeEndpointsInput{})
	return explain(err)
}

// explain tells a closed account from missing permissions: both are AccessDeniedException, IAM's own names the action.
func explain(err error) error {
	switch {
	case !awsapi.Is(err, "AccessDeniedException"):
		return err
	case awsapi.MessageHas(err, "is not authorized to perform"):
		return fmt.Errorf("the credentials lack a Timestream permission: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// Driver reads and writes databases. Ref.ID is the database's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a database; its tags only before it is recorded and for full reads. KMSKeyID is always the ARN of a
// key: Timestream does not say whether it is AWS's own.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.TimestreamDatabase], error) {
	out, err := d.c.TimestreamWrite().
		DescribeDatabase(ctx, &timestreamwrite.DescribeDatabaseInput{DatabaseName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	o := &assembly.Observed[spec.TimestreamDatabase]{
		Identity: identity(out.Database),
		Spec:     spec.TimestreamDatabase{KMSKeyID: aws.ToString(out.Database.KmsKeyId)},
	}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := Tags(ctx, d.c, o.ARN)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := Tags(ctx, d.c, d.c.ARN("timestream", "database/"+ref.Name))
	return ownertag.Owner(tags, awsapi.IsNotFound(err), explain(err))
}

// Create makes the database with its tags in one call.
func (d *Driver) Create(
	ctx context.Context,
	ref assembly.Ref,
	want spec.TimestreamDatabase,
) (assembly.Identity, error) {
	in := &timestreamwrite.CreateDatabaseInput{
		DatabaseName: &ref.Name,
		Tags:         NewTags(ownertag.Tags(ref.Owner, want.Tags)),
	}
	if want.KMSKeyID != "" {
		in.KmsKeyId = &want.KMSKeyID
	}
	out, err := d.c.TimestreamWrite().CreateDatabase(ctx, in)
	if awsapi.Is(err, "ConflictException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, explain(err)
	}
	return identity(out.Database), nil
}

// Update changes the key and the tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.TimestreamDatabase],
	want spec.TimestreamDatabase,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		var err error
		switch c.Field {
		case "kms_key_id":
			_, err = d.c.TimestreamWrite().
				UpdateDatabase(ctx, &timestreamwrite.UpdateDatabaseInput{DatabaseName: &have.ID,
					KmsKeyId: &want.KMSKeyID})
		case "tags":
			err = Retag(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return have.Identity, fmt.Errorf("changing %s: %w", c.Field, err)
		}
	}
	return have.Identity, nil
}

// Delete removes the database; AWS refuses while it has tables.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.TimestreamWrite().DeleteDatabase(ctx, &timestreamwrite.DeleteDatabaseInput{DatabaseName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares. An empty wanted key means whichever the database has: AWS's own key on creation, and after that there
// is no call that goes back to it.
func (d *Driver) Diff(have, want spec.TimestreamDatabase) []assembly.Change {
	var changes []assembly.Change
	if want.KMSKeyID != "" && !kmskey.Same(have.KMSKeyID, want.KMSKeyID) {
		changes = append(changes, assembly.Change{Field: "kms_key_id"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

func identity(db *types.Database) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(db.DatabaseName), ARN: aws.ToString(db.Arn)}
}
